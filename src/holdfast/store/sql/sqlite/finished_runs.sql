SELECT id, run, state FROM holdfast_finished WHERE id IN (SELECT value FROM json_each(:ids))
