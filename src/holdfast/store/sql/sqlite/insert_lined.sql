-- Like `insert_jobs`, for jobs that stand in a line.
INSERT INTO holdfast_jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, line, limits, unique_key)
VALUES (:id, :queue, :task, :priority, :args, :meta, :overrides, max(coalesce(:run_at, :now + :delay), :now), :now, :line, :limits, :unique_key)
ON CONFLICT (id) DO NOTHING
