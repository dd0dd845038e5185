-- The first run time of some lanes, each from its mark: one look-up a lane, past all dead entries.
WITH RECURSIVE line AS (
    (SELECT queue, lane, due FROM holdfast.lines WHERE due IS NOT NULL ORDER BY queue, lane, due LIMIT 1)
    UNION ALL
    SELECT n.queue, n.lane, n.due FROM line AS l CROSS JOIN LATERAL (
        SELECT t.queue, t.lane, t.due FROM holdfast.lines AS t WHERE t.due IS NOT NULL AND (t.queue, t.lane) > (l.queue, l.lane)
        ORDER BY t.queue, t.lane, t.due LIMIT 1) AS n
)
SELECT l.value ->> 0, (l.value ->> 1)::int, (date_part('epoch', p.run_at) * 1e6::float8)::bigint, false
FROM json_array_elements(:lanes::json) AS l (value)
CROSS JOIN LATERAL (
    SELECT p.run_at FROM holdfast.pending p
    WHERE p.queue = l.value ->> 0 AND p.lane = (l.value ->> 1)::smallint
      AND (p.run_at, p.id) > (to_timestamp((l.value ->> 2)::bigint / 1e6::float8), (l.value ->> 3)::uuid)
    ORDER BY p.run_at, p.id LIMIT 1) AS p
UNION ALL
-- The lines that may go on, by a skip scan like that above.
SELECT queue, lane, (date_part('epoch', due) * 1e6::float8)::bigint, true FROM line
UNION ALL
-- The lane of no queue: when notes and slots are to be seen to.
SELECT '', 0, at, false FROM (
    SELECT CASE WHEN EXISTS (SELECT FROM holdfast.notes WHERE number > 0) THEN 0 ELSE (
        SELECT (date_part('epoch', wake_at) * 1e6::float8)::bigint FROM holdfast.slots WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1) END AS at) AS desk
WHERE at IS NOT NULL
