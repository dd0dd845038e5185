SELECT b.id::text FROM holdfast.blocked b
WHERE b.id < :before::uuid AND (:queue::text IS NULL OR b.queue = :queue::text) AND (:task::text IS NULL OR b.task = :task::text)
ORDER BY b.id DESC LIMIT :limit::int
