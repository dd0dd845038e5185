-- Some of the running jobs that use a slot, among the first of all that are in workers' hands.
SELECT j.id FROM (SELECT l.id AS lease, l.released, e.value ->> 0 AS id FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e LIMIT :most) AS held
CROSS JOIN holdfast_jobs AS j ON j.id = held.id
WHERE EXISTS (SELECT 1 FROM json_each(j.limits) WHERE value = :slot)
  AND held.id NOT IN (SELECT value FROM json_each(held.released))
  AND NOT EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = held.id)
LIMIT :limit
