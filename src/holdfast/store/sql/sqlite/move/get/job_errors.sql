SELECT id, run, attempt, worker, at, type, message, traceback
FROM holdfast_job_errors WHERE id IN (SELECT value FROM json_each(:ids))
