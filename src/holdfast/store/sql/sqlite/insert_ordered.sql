-- Like `insert_jobs`, for jobs that wait for their turn.
INSERT INTO holdfast_jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, ordering_key, unique_key)
VALUES (:id, :queue, :task, :priority, :args, :meta, :overrides, max(coalesce(:run_at, :now + :delay), :now), :now, :ordering_key, :unique_key)
ON CONFLICT (id) DO NOTHING
