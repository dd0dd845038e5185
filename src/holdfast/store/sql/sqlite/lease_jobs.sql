-- What some leases still own: their jobs less those released, less those finished, as far as still kept.
SELECT l.id, l.worker, j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides,
       e.value ->> 1, e.value ->> 2, e.value ->> 3, j.run_at, j.created_at, j.line, j.unique_key, j.limits, l.created_at
FROM holdfast_leases l
CROSS JOIN json_each(l.jobs) AS e
CROSS JOIN holdfast_jobs j ON j.id = e.value ->> 0
WHERE l.id IN (SELECT value FROM json_each(:leases))
  AND NOT EXISTS (SELECT 1 FROM holdfast_finished f WHERE f.id = j.id)
  AND j.id NOT IN (SELECT value FROM json_each(l.released))
ORDER BY l.id
