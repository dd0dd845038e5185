INSERT INTO holdfast.blocked (queue, key, first_due, id, lane, task, run, attempt, crashes)
SELECT u.queue, u.key, to_timestamp(u.first_due / 1e6::float8), u.id, u.lane, u.task, u.run, u.attempt, u.crashes
FROM unnest(:queue::text[], :key::text[], :first_due::bigint[], :id::uuid[], :lane::smallint[], :task::text[], :run::int[],
            :attempt::int[], :crashes::int[]) AS u (queue, key, first_due, id, lane, task, run, attempt, crashes)
