UPDATE holdfast_workers SET beat = beat + 1, beat_at = :now, running = :running, memory = :memory WHERE id = :id
