-- Like `insert_jobs`, for jobs that stand in a line. `block_new` has nothing left to do.
WITH new AS MATERIALIZED (
    SELECT u.id, u.queue, u.task, u.priority, u.args, u.meta, u.overrides, u.unique_key, u.line, u.limits,
           greatest(coalesce(to_timestamp(u.run_at / 1e6::float8), :now + u.delay * interval '1 microsecond'), :now) AS run_at
    FROM unnest(:id::uuid[], :queue::text[], :task::text[], :priority::smallint[], :args::text[], :meta::text[],
                :overrides::text[], :run_at::bigint[], :delay::bigint[], :unique_key::text[],
                :line::text[], :limits::text[])
         AS u (id, queue, task, priority, args, meta, overrides, run_at, delay, unique_key, line, limits)
), kept AS (
    INSERT INTO holdfast.jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, line, limits, unique_key)
    SELECT id, queue, task, priority, args::json, meta::json, overrides::json, run_at, :now, line, limits, unique_key FROM new
    ON CONFLICT (id) DO NOTHING
    RETURNING id, queue, task, priority, run_at, line
)
INSERT INTO holdfast.blocked (queue, key, first_due, id, lane, task)
SELECT queue, line, run_at, id, priority, task FROM kept
