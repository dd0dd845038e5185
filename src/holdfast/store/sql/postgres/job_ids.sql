-- Newest first, by id: ids grow with time.
SELECT j.id::text FROM holdfast.jobs j
WHERE j.id < :before::uuid AND (:queue::text IS NULL OR j.queue = :queue::text) AND (:task::text IS NULL OR j.task = :task::text)
ORDER BY j.id DESC LIMIT :limit::int
