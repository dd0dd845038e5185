-- What waits in some lanes, and how much of it is due, counted up to a limit in each: reads of the key of `pending` alone.
SELECT l.value ->> 0, sum(p.number)::bigint, sum(d.number)::bigint
FROM json_array_elements(:lanes::json) AS l (value)
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM holdfast.pending
        WHERE pending.queue = l.value ->> 0 AND pending.lane = (l.value ->> 1)::smallint LIMIT :most::int) AS first) AS p
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM holdfast.pending
        WHERE pending.queue = l.value ->> 0 AND pending.lane = (l.value ->> 1)::smallint AND pending.run_at <= :now
        LIMIT :most::int) AS first) AS d
GROUP BY 1
