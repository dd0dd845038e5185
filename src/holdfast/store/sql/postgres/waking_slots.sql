-- Slots that lines wait for and that may have room. They aren't locked yet: lines are locked before slots.
SELECT s.name, s.epoch, s.used, (date_part('epoch', s.next_free) * 1e6::float8)::bigint, (date_part('epoch', s.wake_at) * 1e6::float8)::bigint, s.waiting, s.tickets, s.served FROM holdfast.slots AS s
WHERE s.wake_at > to_timestamp(:after::bigint / 1e6::float8) AND s.wake_at <= :now ORDER BY s.wake_at LIMIT :limit::int
