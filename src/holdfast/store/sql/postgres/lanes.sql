-- A skip scan: one look-up in the key of pending for each lane there is, which also gives its first run time.
WITH RECURSIVE lane AS (
    (SELECT queue, lane, run_at FROM holdfast.pending ORDER BY queue, lane, run_at LIMIT 1)
    UNION ALL
    SELECT n.queue, n.lane, n.run_at FROM lane l CROSS JOIN LATERAL (
        SELECT p.queue, p.lane, p.run_at FROM holdfast.pending p WHERE (p.queue, p.lane) > (l.queue, l.lane)
        ORDER BY p.queue, p.lane, p.run_at LIMIT 1) AS n
), line AS (
    (SELECT queue, lane, due FROM holdfast.lines WHERE due IS NOT NULL ORDER BY queue, lane, due LIMIT 1)
    UNION ALL
    SELECT n.queue, n.lane, n.due FROM line AS l CROSS JOIN LATERAL (
        SELECT t.queue, t.lane, t.due FROM holdfast.lines AS t WHERE t.due IS NOT NULL AND (t.queue, t.lane) > (l.queue, l.lane)
        ORDER BY t.queue, t.lane, t.due LIMIT 1) AS n
)
SELECT queue, lane, (date_part('epoch', run_at) * 1e6::float8)::bigint, false FROM lane
UNION ALL
-- The lines that may go on, by a skip scan like that above.
SELECT queue, lane, (date_part('epoch', due) * 1e6::float8)::bigint, true FROM line
UNION ALL
-- The lane of no queue: when notes and slots are to be seen to.
SELECT '', 0, at, false FROM (
    SELECT CASE WHEN EXISTS (SELECT FROM holdfast.notes WHERE number > 0) THEN 0 ELSE (
        SELECT (date_part('epoch', wake_at) * 1e6::float8)::bigint FROM holdfast.slots WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1) END AS at) AS desk
WHERE at IS NOT NULL
