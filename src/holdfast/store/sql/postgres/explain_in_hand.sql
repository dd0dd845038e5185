-- How many jobs each worker has in hand, and how many of those are of a queue.
SELECT held.worker::text, count(*), count(*) FILTER (WHERE j.queue = :queue::text)
FROM (
    SELECT l.worker, u.id FROM (SELECT worker, ids, released FROM holdfast.leases ORDER BY leases.id LIMIT :most::int) AS l
    CROSS JOIN LATERAL unnest(l.ids) AS u (id) WHERE u.id <> ALL (l.released) LIMIT :most::int) AS held
CROSS JOIN LATERAL (SELECT queue FROM holdfast.jobs WHERE jobs.id = held.id LIMIT 1) AS j
WHERE NOT EXISTS (SELECT FROM holdfast.finished AS f WHERE f.id = held.id)
GROUP BY held.worker
