DELETE FROM holdfast_forgotten WHERE id IN (SELECT value FROM json_each(:ids))
