DELETE FROM holdfast_pending WHERE id IN (SELECT value FROM json_each(:ids))
