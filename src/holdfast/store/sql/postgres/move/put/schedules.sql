-- By whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.schedules (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap,
    missed, declared, covers, paused, removed, next_at, last_at, last_job)
SELECT u.name, u.spec::json, u.task, u.queue, u.args::json, u.meta::json, u.priority, u.overrides::json, u.ordering_key, u.overlap, u.missed, u.declared, u.covers, u.paused, u.removed,
       timestamptz 'epoch' + (u.next_at / 3600000000) * interval '1 hour' + (u.next_at % 3600000000) * interval '1 microsecond',
       timestamptz 'epoch' + (u.last_at / 3600000000) * interval '1 hour' + (u.last_at % 3600000000) * interval '1 microsecond',
       u.last_job
FROM unnest(:name::text[], :spec::text[], :task::text[], :queue::text[], :args::text[], :meta::text[], :priority::smallint[], :overrides::text[],
            :ordering_key::text[], :overlap::text[], :missed::text[], :declared::boolean[], :covers::boolean[], :paused::boolean[], :removed::boolean[], :next_at::bigint[], :last_at::bigint[], :last_job::uuid[])
     AS u (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap, missed, declared, covers, paused, removed, next_at, last_at, last_job)
ORDER BY u.name
ON CONFLICT (name) DO UPDATE SET
    spec = excluded.spec, task = excluded.task, queue = excluded.queue, args = excluded.args, meta = excluded.meta, priority = excluded.priority, overrides = excluded.overrides,
    ordering_key = excluded.ordering_key, overlap = excluded.overlap, missed = excluded.missed, declared = excluded.declared, covers = excluded.covers, paused = excluded.paused, removed = excluded.removed, next_at = excluded.next_at, last_at = excluded.last_at, last_job = excluded.last_job
