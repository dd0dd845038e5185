-- Like `insert_jobs`, for jobs that wait for their turn.
INSERT INTO holdfast_jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, line, unique_key)
VALUES (:id, :queue, :task, :priority, :args, :meta, :overrides, max(coalesce(:run_at, :now + :delay), :now), :now, :line, :unique_key)
ON CONFLICT (id) DO NOTHING
