SELECT id, queue, key, first_due, lane, task, run, attempt, crashes
FROM holdfast_blocked WHERE id IN (SELECT value FROM json_each(:ids))
