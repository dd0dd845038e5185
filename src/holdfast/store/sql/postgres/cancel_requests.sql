SELECT r.id::text, r.run FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, run FROM holdfast.cancel_requests WHERE cancel_requests.id = x.id ORDER BY run LIMIT 1000) AS r
