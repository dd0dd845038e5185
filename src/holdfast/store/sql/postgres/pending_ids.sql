SELECT p.id::text FROM holdfast.pending p
WHERE p.id < :before::uuid AND (:queue::text IS NULL OR p.queue = :queue::text) AND (:task::text IS NULL OR p.task = :task::text)
ORDER BY p.id DESC LIMIT :limit::int
