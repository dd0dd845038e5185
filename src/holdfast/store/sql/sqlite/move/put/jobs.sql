INSERT INTO holdfast_jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at)
VALUES (:id, :queue, :task, :priority, :args, :meta, :overrides, :run_at, :created_at)
ON CONFLICT DO NOTHING
