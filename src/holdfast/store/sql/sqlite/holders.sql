-- Jobs that have the turn of their line and wait for their retry.
SELECT b.queue, b.key, b.id, b.first_due, b.lane, b.task, j.limits
FROM json_each(:ids) AS x
CROSS JOIN holdfast_blocked AS b ON b.id = x.value
CROSS JOIN holdfast_jobs AS j ON j.id = x.value
