SELECT name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap,
       missed, declared, covers, paused, removed, next_at, last_at, last_job
FROM holdfast_schedules
