DELETE FROM holdfast_blocked WHERE id IN (SELECT value FROM json_each(:ids))
