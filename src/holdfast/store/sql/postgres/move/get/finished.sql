-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.id::text, t.state, t.reason, t.run, t.attempt, t.crashes, t.worker::text, t.result::text,
       (extract(epoch FROM t.started_at) * 1000000)::bigint,
       (extract(epoch FROM t.finished_at) * 1000000)::bigint,
       (extract(epoch FROM t.expires_at) * 1000000)::bigint
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.finished WHERE finished.id = x.id LIMIT 1) AS t
