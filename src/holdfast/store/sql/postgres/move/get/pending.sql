-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.id::text, t.queue, t.lane, (extract(epoch FROM t.run_at) * 1000000)::bigint, t.task, t.run,
       t.attempt, t.crashes
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.pending WHERE pending.id = x.id LIMIT 1) AS t
