-- Both tables from one text of the rows; `insert_pending` has nothing left to do. A run time that is missing or past
-- means now, by the clock of the statement: a transaction may have begun long ago.
WITH new AS MATERIALIZED (
    SELECT u.id, u.queue, u.task, u.priority, u.args, u.meta, u.overrides, u.unique_key,
           greatest(coalesce(to_timestamp(u.run_at / 1e6::float8), :now + u.delay * interval '1 microsecond'), :now) AS run_at
    FROM unnest(:id::uuid[], :queue::text[], :task::text[], :priority::smallint[], :args::text[], :meta::text[],
                :overrides::text[], :run_at::bigint[], :delay::bigint[],
                :unique_key::text[])
         AS u (id, queue, task, priority, args, meta, overrides, run_at, delay, unique_key)
), kept AS (
    INSERT INTO holdfast.jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, unique_key)
    SELECT id, queue, task, priority, args::json, meta::json, overrides::json, run_at, :now, unique_key FROM new
    ON CONFLICT (id) DO NOTHING
    RETURNING id, queue, task, priority, run_at
)
INSERT INTO holdfast.pending (queue, lane, run_at, id, task)
SELECT queue, priority, run_at, id, task FROM kept
