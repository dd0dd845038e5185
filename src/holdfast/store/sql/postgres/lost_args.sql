-- Of some jobs those whose arguments are not kept.
SELECT j.id::text FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, args FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS j
WHERE json_typeof(j.args) = 'null'
