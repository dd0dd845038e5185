SELECT r.id::text, (date_part('epoch', r.at) * 1e6::float8)::bigint FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.expiries WHERE expiries.id = x.id LIMIT 1) AS r
