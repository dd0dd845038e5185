-- Newest first, by id: ids grow with time.
SELECT id FROM holdfast_jobs
WHERE id < :before AND (:queue IS NULL OR queue = :queue) AND (:task IS NULL OR task = :task)
ORDER BY id DESC LIMIT :limit
