SELECT id, run, percent, message, at
FROM holdfast_job_progress WHERE id IN (SELECT value FROM json_each(:ids))
