SELECT id, queue, lane, run_at, task, run, attempt, crashes
FROM holdfast_pending WHERE id IN (SELECT value FROM json_each(:ids))
