-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.pending (id, queue, lane, run_at, task, run, attempt, crashes)
SELECT u.id, u.queue, u.lane,
       timestamptz 'epoch' + (u.run_at / 3600000000) * interval '1 hour' + (u.run_at % 3600000000) * interval '1 microsecond',
       u.task, u.run, u.attempt, u.crashes
FROM unnest(:id::uuid[], :queue::text[], :lane::smallint[], :run_at::bigint[], :task::text[], :run::int[],
            :attempt::int[], :crashes::int[])
     AS u (id, queue, lane, run_at, task, run, attempt, crashes)
ON CONFLICT DO NOTHING
