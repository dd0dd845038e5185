-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.turns (queue, key, id, due)
SELECT u.queue, u.key, u.id,
       timestamptz 'epoch' + (u.due / 3600000000) * interval '1 hour' + (u.due % 3600000000) * interval '1 microsecond'
FROM unnest(:queue::text[], :key::text[], :id::uuid[], :due::bigint[])
     AS u (queue, key, id, due) ORDER BY 1, 2
ON CONFLICT (queue, key) DO UPDATE SET id = excluded.id, due = excluded.due
