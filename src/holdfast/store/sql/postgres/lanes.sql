-- A skip scan: one look-up in the key of pending for each lane there is, which also gives its first run time.
WITH RECURSIVE lane AS (
    (SELECT queue, lane, run_at FROM holdfast.pending ORDER BY queue, lane, run_at LIMIT 1)
    UNION ALL
    SELECT n.queue, n.lane, n.run_at FROM lane l CROSS JOIN LATERAL (
        SELECT p.queue, p.lane, p.run_at FROM holdfast.pending p WHERE (p.queue, p.lane) > (l.queue, l.lane)
        ORDER BY p.queue, p.lane, p.run_at LIMIT 1) AS n
)
SELECT queue, lane, (date_part('epoch', run_at) * 1e6::float8)::bigint FROM lane
UNION ALL
-- The lane of no queue: when the next turn is to be given, at once where a job has arrived.
SELECT '', 0, due FROM (
    SELECT CASE WHEN EXISTS (SELECT FROM holdfast.arrivals WHERE id > '00000000-0000-0000-0000-000000000000') THEN 0 ELSE (
        SELECT (date_part('epoch', due) * 1e6::float8)::bigint FROM holdfast.turns WHERE id IS NULL AND due IS NOT NULL ORDER BY due LIMIT 1) END AS due) AS turn
WHERE due IS NOT NULL
