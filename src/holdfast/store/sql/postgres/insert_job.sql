-- `insert_jobs` for one: to plan it takes half the time, and it is planned at each execution.
WITH kept AS (
    INSERT INTO holdfast.jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, unique_key)
    VALUES (:id::uuid, :queue::text, :task::text, :priority::smallint, :args::json, :meta::json, :overrides::json,
            greatest(coalesce(to_timestamp(:run_at::bigint / 1e6::float8), :now + :delay::bigint * interval '1 microsecond'), :now),
            :now, :unique_key::text)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, queue, task, priority, run_at
)
INSERT INTO holdfast.pending (queue, lane, run_at, id, task)
SELECT queue, priority, run_at, id, task FROM kept
RETURNING 1
