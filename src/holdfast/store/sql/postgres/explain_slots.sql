SELECT s.name, s.used, (date_part('epoch', s.next_free) * 1e6::float8)::bigint
FROM unnest(:names::text[]) AS n (name)
CROSS JOIN LATERAL (SELECT * FROM holdfast.slots WHERE slots.name = n.name ORDER BY slots.epoch DESC LIMIT 1) AS s
