-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.blocked (id, queue, key, first_due, lane, task, run, attempt, crashes)
SELECT u.id, u.queue, u.key,
       timestamptz 'epoch' + (u.first_due / 3600000000) * interval '1 hour' + (u.first_due % 3600000000) * interval '1 microsecond',
       u.lane, u.task, u.run, u.attempt, u.crashes
FROM unnest(:id::uuid[], :queue::text[], :key::text[], :first_due::bigint[], :lane::smallint[], :task::text[], :run::int[],
            :attempt::int[], :crashes::int[])
     AS u (id, queue, key, first_due, lane, task, run, attempt, crashes)
ON CONFLICT DO NOTHING
