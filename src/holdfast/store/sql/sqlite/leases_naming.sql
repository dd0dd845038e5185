-- The leases that own some of these jobs, with what they say of each. A finished job may still be named: the
-- caller has looked there first.
SELECT e.value ->> 0, l.id, l.worker, e.value ->> 1, e.value ->> 2, e.value ->> 3, l.created_at
FROM holdfast_leases l
CROSS JOIN json_each(l.jobs) AS e
WHERE e.value ->> 0 IN (SELECT value FROM json_each(:ids))
  AND e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released))
ORDER BY l.id
