SELECT (date_part('epoch', at) * 1e6::float8)::bigint, id::text FROM holdfast.expiries
WHERE (at, id) > (to_timestamp(:at::bigint / 1e6::float8), :id::uuid) AND at <= :now
ORDER BY expiries.at, expiries.id LIMIT :limit::int
