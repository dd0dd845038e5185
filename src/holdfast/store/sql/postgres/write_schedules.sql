-- The rows are locked already.
UPDATE holdfast.schedules AS s SET
    spec = u.spec::json, task = u.task, queue = u.queue, args = u.args::json, meta = u.meta::json, priority = u.priority,
    overrides = u.overrides::json, ordering_key = u.ordering_key, overlap = u.overlap, missed = u.missed, declared = u.declared, covers = u.covers, paused = u.paused, removed = u.removed,
    next_at = to_timestamp(u.next_at / 1e6::float8),
    last_at = to_timestamp(u.last_at / 1e6::float8),
    last_job = u.last_job
FROM unnest(:name::text[], :spec::text[], :task::text[], :queue::text[], :args::text[], :meta::text[], :priority::smallint[], :overrides::text[],
            :ordering_key::text[], :overlap::text[], :missed::text[], :declared::boolean[], :covers::boolean[], :paused::boolean[], :removed::boolean[], :next_at::bigint[], :last_at::bigint[], :last_job::uuid[])
     AS u (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap, missed, declared, covers, paused, removed, next_at, last_at, last_job)
WHERE s.name = u.name
RETURNING 1
