SELECT j.id FROM (
    SELECT DISTINCT e.value ->> 0 AS id FROM holdfast_leases l CROSS JOIN json_each(l.jobs) AS e
    WHERE e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released))) AS o
CROSS JOIN holdfast_jobs j ON j.id = o.id
WHERE j.id < :before AND (:queue IS NULL OR j.queue = :queue) AND (:task IS NULL OR j.task = :task)
  AND NOT EXISTS (SELECT 1 FROM holdfast_finished f WHERE f.id = j.id)
ORDER BY j.id DESC LIMIT :limit
