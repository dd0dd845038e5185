-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.id::text, (extract(epoch FROM t.at) * 1000000)::bigint
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.expiries WHERE expiries.id = x.id LIMIT 1) AS t
