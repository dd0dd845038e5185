INSERT INTO holdfast_job_progress (id, run, percent, message, at)
VALUES (:id, :run, :percent, :message, :at)
ON CONFLICT DO NOTHING
