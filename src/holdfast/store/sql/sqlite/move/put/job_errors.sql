INSERT INTO holdfast_job_errors (id, run, attempt, worker, at, type, message, traceback)
VALUES (:id, :run, :attempt, :worker, :at, :type, :message, :traceback)
ON CONFLICT DO NOTHING
