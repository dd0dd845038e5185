-- `insert_jobs` for one.
INSERT INTO holdfast_jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, unique_key)
VALUES (:id, :queue, :task, :priority, :args, :meta, :overrides, max(coalesce(:run_at, :now + :delay), :now), :now, :unique_key)
ON CONFLICT (id) DO NOTHING
RETURNING 1
