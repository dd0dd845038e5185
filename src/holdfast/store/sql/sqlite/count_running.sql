SELECT j.queue, count(*) FROM holdfast_leases l CROSS JOIN json_each(l.jobs) AS e
CROSS JOIN holdfast_jobs j ON j.id = e.value ->> 0
WHERE e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released))
  AND NOT EXISTS (SELECT 1 FROM holdfast_finished f WHERE f.id = j.id)
GROUP BY j.queue
