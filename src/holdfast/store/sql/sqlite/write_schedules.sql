UPDATE holdfast_schedules SET spec = :spec, task = :task, queue = :queue, args = :args, meta = :meta, priority = :priority, overrides = :overrides,
    ordering_key = :ordering_key, overlap = :overlap, missed = :missed, declared = :declared, covers = :covers, paused = :paused, removed = :removed, next_at = :next_at, last_at = :last_at, last_job = :last_job
WHERE name = :name
