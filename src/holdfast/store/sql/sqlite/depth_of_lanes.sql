-- What waits in some lanes, and how much of it is due, counted up to a limit in each: reads of the key of `pending` alone.
SELECT queue, sum(pending), sum(due) FROM (
    SELECT l.value ->> 0 AS queue,
           (SELECT count(*) FROM (
               SELECT 1 FROM holdfast_pending p
               WHERE p.queue = l.value ->> 0 AND p.lane = l.value ->> 1 LIMIT :most)) AS pending,
           (SELECT count(*) FROM (
               SELECT 1 FROM holdfast_pending p
               WHERE p.queue = l.value ->> 0 AND p.lane = l.value ->> 1 AND p.run_at <= :now LIMIT :most)) AS due
    FROM json_each(:lanes) AS l)
GROUP BY queue
