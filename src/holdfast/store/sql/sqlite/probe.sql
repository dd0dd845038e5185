-- The first run time of some lanes, each from its mark.
WITH RECURSIVE line_queue (name) AS (
    SELECT min(t.queue) FROM holdfast_lines t WHERE t.due IS NOT NULL
    UNION ALL
    SELECT (SELECT min(t.queue) FROM holdfast_lines t WHERE t.due IS NOT NULL AND t.queue > q.name)
    FROM line_queue q WHERE q.name IS NOT NULL
),
line (queue, lane) AS (
    SELECT q.name, (SELECT min(t.lane) FROM holdfast_lines t WHERE t.due IS NOT NULL AND t.queue = q.name)
    FROM line_queue q WHERE q.name IS NOT NULL
    UNION ALL
    SELECT l.queue, (SELECT min(t.lane) FROM holdfast_lines t WHERE t.due IS NOT NULL AND t.queue = l.queue AND t.lane > l.lane)
    FROM line l WHERE l.lane IS NOT NULL
)
SELECT queue, lane, run_at, 0 FROM (
    SELECT l.value ->> 0 AS queue, l.value ->> 1 AS lane,
           (SELECT p.run_at FROM holdfast_pending p
            WHERE p.queue = l.value ->> 0 AND p.lane = l.value ->> 1
              AND (p.run_at, p.id) > (l.value ->> 2, l.value ->> 3)
            ORDER BY p.run_at, p.id LIMIT 1) AS run_at
    FROM json_each(:lanes) AS l)
WHERE run_at IS NOT NULL
UNION ALL
-- The lines that may go on, by a skip scan of the same kind.
SELECT queue, lane,
       (SELECT min(t.due) FROM holdfast_lines t WHERE t.due IS NOT NULL AND t.queue = line.queue AND t.lane = line.lane), 1
FROM line WHERE lane IS NOT NULL
UNION ALL
-- The lane of no queue: when notes and slots are to be seen to.
SELECT '', 0, at, 0 FROM (
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_notes) THEN 0 ELSE (
        SELECT wake_at FROM holdfast_slots INDEXED BY holdfast_slots_wake WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1) END AS at)
WHERE at IS NOT NULL
