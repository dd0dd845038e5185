-- The condition on the state repeats that of the partial index, so that it serves.
SELECT f.id::text FROM holdfast.finished f
CROSS JOIN LATERAL (SELECT queue, task FROM holdfast.jobs WHERE jobs.id = f.id LIMIT 1) AS j
WHERE f.state <> 'succeeded' AND f.state = :state::text AND f.id < :before::uuid
  AND (:queue::text IS NULL OR j.queue = :queue::text) AND (:task::text IS NULL OR j.task = :task::text)
ORDER BY f.id DESC LIMIT :limit::int
