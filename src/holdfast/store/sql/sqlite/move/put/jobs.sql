INSERT INTO holdfast_jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, line, limits, origin, unique_key)
VALUES (:id, :queue, :task, :priority, :args, :meta, :overrides, :run_at, :created_at, :line, :limits, :origin, :unique_key)
ON CONFLICT DO NOTHING
