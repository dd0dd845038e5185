SELECT j.queue, count(*) FROM holdfast.leases l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
CROSS JOIN LATERAL (SELECT queue FROM holdfast.jobs WHERE jobs.id = u.id LIMIT 1) AS j
WHERE u.id <> ALL (l.released)
  AND NOT EXISTS (SELECT FROM holdfast.finished f WHERE f.id = u.id)
GROUP BY j.queue
