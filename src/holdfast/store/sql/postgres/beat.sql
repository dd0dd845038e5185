UPDATE holdfast.workers SET beat = beat + 1, beat_at = :now, running = :running::json, memory = :memory::bigint
WHERE id = :id::uuid
