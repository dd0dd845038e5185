INSERT INTO holdfast.schedules (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap,
    missed, declared, covers, paused, removed, next_at, last_at, last_job)
SELECT u.name, u.spec::json, u.task, u.queue, u.args::json, u.meta::json, u.priority, u.overrides::json, u.ordering_key, u.overlap, u.missed, u.declared, u.covers, u.paused, u.removed,
       to_timestamp(u.next_at / 1e6::float8),
       to_timestamp(u.last_at / 1e6::float8),
       u.last_job
FROM unnest(:name::text[], :spec::text[], :task::text[], :queue::text[], :args::text[], :meta::text[], :priority::smallint[], :overrides::text[],
            :ordering_key::text[], :overlap::text[], :missed::text[], :declared::boolean[], :covers::boolean[], :paused::boolean[], :removed::boolean[], :next_at::bigint[], :last_at::bigint[], :last_job::uuid[])
     AS u (name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap, missed, declared, covers, paused, removed, next_at, last_at, last_job)
ORDER BY u.name
ON CONFLICT (name) DO NOTHING
RETURNING 1
