-- Some of the running jobs that use a slot, among the first of all that are in workers' hands. By subqueries: to speed up
-- a join, SQLite may read a whole table first.
SELECT held.id FROM (
    SELECT l.released, e.value ->> 0 AS id FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e LIMIT :most) AS held
WHERE EXISTS (
    SELECT 1 FROM holdfast_jobs AS j CROSS JOIN json_each(j.limits) AS n WHERE j.id = held.id AND n.value = :slot)
  AND held.id NOT IN (SELECT value FROM json_each(held.released))
  AND NOT EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = held.id)
LIMIT :limit
