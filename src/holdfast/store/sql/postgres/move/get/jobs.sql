-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.id::text, t.queue, t.task, t.priority, t.args::text, t.meta::text, t.overrides::text,
       (extract(epoch FROM t.run_at) * 1000000)::bigint, (extract(epoch FROM t.created_at) * 1000000)::bigint, t.line, t.limits, t.origin::text, t.unique_key
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS t
