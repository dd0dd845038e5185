SELECT id, state, reason, run, attempt, crashes, worker, result, started_at, finished_at, expires_at
FROM holdfast_finished WHERE id IN (SELECT value FROM json_each(:ids))
