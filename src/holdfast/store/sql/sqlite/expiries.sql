SELECT id, at FROM holdfast_expiries WHERE id IN (SELECT value FROM json_each(:ids))
