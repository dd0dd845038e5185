SELECT j.id::text FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS j
WHERE NOT EXISTS (SELECT FROM holdfast.finished AS f WHERE f.id = j.id)
