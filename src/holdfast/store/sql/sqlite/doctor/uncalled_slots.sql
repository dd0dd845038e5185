-- Slots that lines wait for, though nobody is to call them as far as the slot says, or should have before :late; with
-- one of those lines. Of many slots some are looked at, found one after the other by the index.
WITH RECURSIVE names AS (
    SELECT * FROM (SELECT slot FROM holdfast_lines WHERE slot IS NOT NULL ORDER BY slot LIMIT 1)
    UNION ALL
    SELECT (SELECT min(l.slot) FROM holdfast_lines AS l WHERE l.slot > k.slot) FROM names AS k WHERE k.slot IS NOT NULL
), looked_at AS MATERIALIZED (
    SELECT slot FROM names WHERE slot IS NOT NULL LIMIT :keys
)
SELECT w.slot, l.queue, l.key, s.name IS NOT NULL AND s.waiting, coalesce(s.used, 0), s.next_free, s.wake_at
FROM looked_at AS w CROSS JOIN holdfast_lines AS l ON (l.queue, l.key) = (
    SELECT f.queue, f.key FROM holdfast_lines AS f WHERE f.slot = w.slot ORDER BY f.ticket LIMIT 1)
LEFT JOIN holdfast_slots AS s ON s.name = w.slot
WHERE s.name IS NULL OR NOT s.waiting OR s.wake_at IS NULL OR s.wake_at < :late
ORDER BY s.wake_at NULLS FIRST, w.slot
