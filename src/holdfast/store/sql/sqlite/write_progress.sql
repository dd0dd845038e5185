INSERT INTO holdfast_job_progress (id, run, percent, message, at) VALUES (:id, :run, :percent, :message, :now)
ON CONFLICT (id) DO UPDATE SET run = excluded.run, percent = excluded.percent, message = excluded.message, at = excluded.at
