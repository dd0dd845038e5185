-- The first run time of some lanes, each from its mark: one look-up a lane, past all dead entries.
SELECT l.value ->> 0, (l.value ->> 1)::int, (date_part('epoch', p.run_at) * 1e6::float8)::bigint
FROM json_array_elements(:lanes::json) AS l (value)
CROSS JOIN LATERAL (
    SELECT p.run_at FROM holdfast.pending p
    WHERE p.queue = l.value ->> 0 AND p.lane = (l.value ->> 1)::smallint
      AND (p.run_at, p.id) > (to_timestamp((l.value ->> 2)::bigint / 1e6::float8), (l.value ->> 3)::uuid)
    ORDER BY p.run_at, p.id LIMIT 1) AS p
UNION ALL
-- The lane of no queue: when the next turn is to be given, at once where a job has arrived.
SELECT '', 0, due FROM (
    SELECT CASE WHEN EXISTS (SELECT FROM holdfast.arrivals WHERE id > '00000000-0000-0000-0000-000000000000') THEN 0 ELSE (
        SELECT (date_part('epoch', due) * 1e6::float8)::bigint FROM holdfast.turns WHERE id IS NULL AND due IS NOT NULL ORDER BY due LIMIT 1) END AS due) AS turn
WHERE due IS NOT NULL
