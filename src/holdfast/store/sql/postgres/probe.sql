-- The first run time of some lanes, each from its mark, and of some lanes of lines: one look-up a lane, past all dead
-- entries.
SELECT l.value ->> 0, (l.value ->> 1)::int, (date_part('epoch', p.run_at) * 1e6::float8)::bigint, false
FROM json_array_elements(:lanes::json) AS l (value)
CROSS JOIN LATERAL (
    SELECT p.run_at FROM holdfast.pending p
    WHERE p.queue = l.value ->> 0 AND p.lane = (l.value ->> 1)::smallint
      AND (p.run_at, p.id) > (to_timestamp((l.value ->> 2)::bigint / 1e6::float8), (l.value ->> 3)::uuid)
    ORDER BY p.run_at, p.id LIMIT 1) AS p
UNION ALL
-- The lines that may go on.
SELECT l.value ->> 0, (l.value ->> 1)::int, (date_part('epoch', t.due) * 1e6::float8)::bigint, true
FROM json_array_elements(:lines::json) AS l (value)
CROSS JOIN LATERAL (
    SELECT t.due FROM holdfast.lines AS t
    WHERE t.queue = l.value ->> 0 AND t.lane = (l.value ->> 1)::smallint AND t.due > to_timestamp((l.value ->> 2)::bigint / 1e6::float8)
    ORDER BY t.due LIMIT 1) AS t
UNION ALL
-- The lane of no queue: when notes and slots are to be seen to.
SELECT '', 0, at, false FROM (
    SELECT CASE WHEN EXISTS (SELECT FROM holdfast.notes WHERE number > :notes::bigint) THEN 0 ELSE (
        SELECT (date_part('epoch', wake_at) * 1e6::float8)::bigint FROM holdfast.slots WHERE wake_at > to_timestamp(:slots::bigint / 1e6::float8) ORDER BY wake_at LIMIT 1) END AS at) AS desk
WHERE at IS NOT NULL
