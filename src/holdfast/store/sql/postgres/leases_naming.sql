-- The leases that own some of these jobs, with what they say of each. A finished job may still be named: the
-- caller has looked there first.
SELECT u.id::text, l.id::text, l.worker::text, u.run, u.attempt, u.crashes, (date_part('epoch', l.created_at) * 1e6::float8)::bigint
FROM holdfast.leases l
CROSS JOIN LATERAL unnest(l.ids, l.runs, l.attempts, l.crashes) AS u (id, run, attempt, crashes)
WHERE l.ids && :ids::uuid[] AND u.id = ANY (:ids::uuid[]) AND u.id <> ALL (l.released)
ORDER BY l.id
