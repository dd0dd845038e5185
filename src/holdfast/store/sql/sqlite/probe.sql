-- The first run time of some lanes, each from its mark.
SELECT queue, lane, run_at FROM (
    SELECT l.value ->> 0 AS queue, l.value ->> 1 AS lane,
           (SELECT p.run_at FROM holdfast_pending p
            WHERE p.queue = l.value ->> 0 AND p.lane = l.value ->> 1
              AND (p.run_at, p.id) > (l.value ->> 2, l.value ->> 3)
            ORDER BY p.run_at, p.id LIMIT 1) AS run_at
    FROM json_each(:lanes) AS l)
WHERE run_at IS NOT NULL
UNION ALL
-- The lane of no queue: when the next turn is to be given, at once where a job has arrived.
SELECT '', 0, due FROM (
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_arrivals WHERE id > '') THEN 0 ELSE (
        SELECT due FROM holdfast_turns INDEXED BY holdfast_turns_free WHERE id IS NULL AND due IS NOT NULL ORDER BY due LIMIT 1) END AS due)
WHERE due IS NOT NULL
