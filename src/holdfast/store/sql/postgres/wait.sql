INSERT INTO holdfast.pending (queue, lane, run_at, id, task, run, attempt, crashes)
SELECT u.queue, u.lane, to_timestamp(u.run_at / 1e6::float8), u.id, u.task, u.run, u.attempt, u.crashes
FROM unnest(:queue::text[], :lane::smallint[], :run_at::bigint[], :id::uuid[], :task::text[], :run::int[], :attempt::int[],
            :crashes::int[]) AS u (queue, lane, run_at, id, task, run, attempt, crashes)
