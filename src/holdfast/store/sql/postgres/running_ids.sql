SELECT j.id::text FROM (
    SELECT DISTINCT u.id FROM holdfast.leases l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
    WHERE u.id <> ALL (l.released)) AS o
CROSS JOIN LATERAL (SELECT id, queue, task FROM holdfast.jobs WHERE jobs.id = o.id LIMIT 1) AS j
WHERE j.id < :before::uuid AND (:queue::text IS NULL OR j.queue = :queue::text) AND (:task::text IS NULL OR j.task = :task::text)
  AND NOT EXISTS (SELECT FROM holdfast.finished f WHERE f.id = j.id)
ORDER BY j.id DESC LIMIT :limit::int
