-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.id::text, t.queue, t.key, (extract(epoch FROM t.first_due) * 1000000)::bigint, t.lane, t.task, t.run, t.attempt, t.crashes
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.blocked WHERE blocked.id = x.id LIMIT 1) AS t
