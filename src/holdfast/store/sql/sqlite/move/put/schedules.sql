INSERT INTO holdfast_schedules (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap,
    missed, declared, covers, paused, removed, next_at, last_at, last_job)
VALUES (:name, :spec, :task, :queue, :args, :meta, :priority, :overrides, :ordering_key, :overlap,
    :missed, :declared, :covers, :paused, :removed, :next_at, :last_at, :last_job)
ON CONFLICT (name) DO UPDATE SET
    spec = excluded.spec, task = excluded.task, queue = excluded.queue, args = excluded.args, meta = excluded.meta, priority = excluded.priority, overrides = excluded.overrides,
    ordering_key = excluded.ordering_key, overlap = excluded.overlap, missed = excluded.missed, declared = excluded.declared, covers = excluded.covers, paused = excluded.paused, removed = excluded.removed, next_at = excluded.next_at, last_at = excluded.last_at, last_job = excluded.last_job
