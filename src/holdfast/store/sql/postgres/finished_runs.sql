SELECT f.id::text, f.run, f.state FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, run, state FROM holdfast.finished WHERE finished.id = x.id LIMIT 1) AS f
