-- How many jobs stand in lines, in each queue, counted up to a limit: a skip scan for the queues, then reads of the key.
WITH RECURSIVE queue (name) AS (
    SELECT min(b.queue) FROM holdfast_blocked b
    UNION ALL
    SELECT (SELECT min(b.queue) FROM holdfast_blocked b WHERE b.queue > q.name) FROM queue q WHERE q.name IS NOT NULL
)
SELECT name, (SELECT count(*) FROM (SELECT 1 FROM holdfast_blocked b WHERE b.queue = queue.name LIMIT :most))
FROM queue WHERE name IS NOT NULL
