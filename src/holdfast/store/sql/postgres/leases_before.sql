SELECT l.id::text, u.id::text FROM holdfast.leases l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
WHERE l.created_at <= to_timestamp(:at::bigint / 1e6::float8) ORDER BY l.id
