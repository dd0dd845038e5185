-- How many jobs stand in lines, in each queue, counted up to a limit: a skip scan for the queues, then reads of the key.
WITH RECURSIVE queue AS (
    (SELECT queue AS name FROM holdfast.blocked ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT n.queue FROM queue q CROSS JOIN LATERAL (
        SELECT b.queue FROM holdfast.blocked b WHERE b.queue > q.name ORDER BY b.queue LIMIT 1) AS n
)
SELECT q.name, b.number FROM queue q CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (SELECT FROM holdfast.blocked WHERE blocked.queue = q.name LIMIT :most::int) AS first) AS b
