SELECT f.id::text, f.run, f.state FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, run, state FROM holdfast.forgotten WHERE forgotten.id = x.id LIMIT 1) AS f
