-- The first run time of some lanes, each from its mark, and of some lanes of lines.
SELECT queue, lane, run_at, 0 FROM (
    SELECT l.value ->> 0 AS queue, l.value ->> 1 AS lane,
           (SELECT p.run_at FROM holdfast_pending p
            WHERE p.queue = l.value ->> 0 AND p.lane = l.value ->> 1
              AND (p.run_at, p.id) > (l.value ->> 2, l.value ->> 3)
            ORDER BY p.run_at, p.id LIMIT 1) AS run_at
    FROM json_each(:lanes) AS l)
WHERE run_at IS NOT NULL
UNION ALL
-- The lines that may go on.
SELECT queue, lane, due, 1 FROM (
    SELECT l.value ->> 0 AS queue, l.value ->> 1 AS lane,
           (SELECT t.due FROM holdfast_lines AS t INDEXED BY holdfast_lines_due
            WHERE t.queue = l.value ->> 0 AND t.lane = l.value ->> 1 AND t.due > l.value ->> 2
            ORDER BY t.due LIMIT 1) AS due
    FROM json_each(:lines) AS l)
WHERE due IS NOT NULL
UNION ALL
-- The lane of no queue: when notes and slots are to be seen to.
SELECT '', 0, at, 0 FROM (
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_notes WHERE number > :notes) THEN 0 ELSE (
        SELECT wake_at FROM holdfast_slots INDEXED BY holdfast_slots_wake WHERE wake_at > :slots ORDER BY wake_at LIMIT 1) END AS at)
WHERE at IS NOT NULL
