DELETE FROM holdfast_blocked WHERE id IN (SELECT value FROM json_each(:ids))
RETURNING key, queue, lane, first_due, id, task, run, attempt, crashes
