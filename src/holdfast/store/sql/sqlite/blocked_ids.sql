SELECT id FROM holdfast_blocked
WHERE id < :before AND (:queue IS NULL OR queue = :queue) AND (:task IS NULL OR task = :task)
ORDER BY id DESC LIMIT :limit
