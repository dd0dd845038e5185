-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.unknown_tasks (queue, task, since)
SELECT u.queue, u.task,
       timestamptz 'epoch' + (u.since / 3600000000) * interval '1 hour' + (u.since % 3600000000) * interval '1 microsecond'
FROM unnest(:queue::text[], :task::text[], :since::bigint[])
     AS u (queue, task, since) ORDER BY 1, 2
ON CONFLICT (queue, task) DO UPDATE SET since = excluded.since
