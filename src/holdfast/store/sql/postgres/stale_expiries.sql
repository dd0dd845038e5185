-- Of jobs that have ended or are no more.
SELECT x.id::text FROM unnest(:ids::uuid[]) AS x (id)
LEFT JOIN LATERAL (SELECT id FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS j ON true
LEFT JOIN LATERAL (SELECT id FROM holdfast.finished WHERE finished.id = x.id LIMIT 1) AS f ON true
WHERE j.id IS NULL OR f.id IS NOT NULL
