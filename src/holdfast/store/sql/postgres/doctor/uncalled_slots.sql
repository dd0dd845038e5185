-- Slots that lines wait for, though nobody is to call them as far as the slot says, or should have before :late; with
-- one of those lines. Of many slots some are looked at, found one after the other by the index.
WITH RECURSIVE names AS (
    (SELECT slot, queue, key FROM holdfast.lines WHERE slot IS NOT NULL ORDER BY slot, ticket LIMIT 1)
    UNION ALL
    SELECT n.slot, n.queue, n.key FROM names AS k CROSS JOIN LATERAL (
        SELECT l.slot, l.queue, l.key FROM holdfast.lines AS l
        WHERE l.slot IS NOT NULL AND l.slot > k.slot ORDER BY l.slot, l.ticket LIMIT 1) AS n
), looked_at AS MATERIALIZED (
    SELECT slot, queue, key FROM names LIMIT :keys::int
)
SELECT w.slot, w.queue, w.key, s.name IS NOT NULL AND s.waiting, coalesce(s.used, 0),
       (date_part('epoch', s.next_free) * 1e6::float8)::bigint, (date_part('epoch', s.wake_at) * 1e6::float8)::bigint
FROM looked_at AS w LEFT JOIN holdfast.slots AS s ON s.name = w.slot
WHERE s.name IS NULL OR NOT s.waiting OR s.wake_at IS NULL OR s.wake_at < to_timestamp(:late::bigint / 1e6::float8)
ORDER BY s.wake_at NULLS FIRST, w.slot
