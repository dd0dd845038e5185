-- How many jobs each worker has in hand, and how many of those are of a queue. By subqueries for the same reason as
-- `explain_holders`.
SELECT held.worker, count(*), sum((SELECT j.queue FROM holdfast_jobs AS j WHERE j.id = held.id) = :queue)
FROM (SELECT l.worker, l.released, e.value ->> 0 AS id FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e LIMIT :most) AS held
WHERE held.id NOT IN (SELECT value FROM json_each(held.released))
  AND NOT EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = held.id)
GROUP BY held.worker
