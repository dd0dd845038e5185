-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
-- The turn is held by a job that waits for its retry.
SELECT l.queue, l.key, l.lane, (extract(epoch FROM b.first_due) * 1000000)::bigint, l.id::text, l.run
FROM holdfast.lines AS l
CROSS JOIN LATERAL (SELECT first_due FROM holdfast.blocked WHERE blocked.id = l.id LIMIT 1) AS b
WHERE l.id IS NOT NULL
