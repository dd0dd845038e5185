SELECT id, run FROM holdfast_cancel_requests WHERE id IN (SELECT value FROM json_each(:ids))
