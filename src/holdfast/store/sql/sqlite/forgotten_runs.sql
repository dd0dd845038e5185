SELECT id, run, state FROM holdfast_forgotten WHERE id IN (SELECT value FROM json_each(:ids))
