-- The condition on the state repeats that of the partial index, so that it serves.
SELECT f.id FROM holdfast_finished f CROSS JOIN holdfast_jobs j ON j.id = f.id
WHERE f.state <> 'succeeded' AND f.state = :state AND f.id < :before
  AND (:queue IS NULL OR j.queue = :queue) AND (:task IS NULL OR j.task = :task)
ORDER BY f.id DESC LIMIT :limit
