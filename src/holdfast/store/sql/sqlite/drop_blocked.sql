DELETE FROM holdfast_blocked WHERE id IN (SELECT id FROM holdfast_blocked WHERE queue = :queue LIMIT :limit) RETURNING id, run
