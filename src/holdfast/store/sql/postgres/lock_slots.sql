-- In the order given, which is that of their names, as every verb does, and always after lines.
SELECT s.name, s.epoch, s.used, (date_part('epoch', s.next_free) * 1e6::float8)::bigint, (date_part('epoch', s.wake_at) * 1e6::float8)::bigint, s.waiting, s.tickets, s.served
FROM unnest(:names::text[]) AS n (name)
CROSS JOIN LATERAL (SELECT * FROM holdfast.slots WHERE slots.name = n.name ORDER BY slots.epoch DESC LIMIT 1 FOR UPDATE) AS s
