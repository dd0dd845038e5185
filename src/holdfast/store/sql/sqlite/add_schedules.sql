INSERT INTO holdfast_schedules (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap,
    missed, declared, covers, paused, removed, next_at, last_at, last_job)
VALUES (:name, :spec, :task, :queue, :args, :meta, :priority, :overrides, :ordering_key, :overlap,
    :missed, :declared, :covers, :paused, :removed, :next_at, :last_at, :last_job)
ON CONFLICT (name) DO NOTHING
