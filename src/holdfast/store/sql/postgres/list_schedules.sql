SELECT name, spec::text, task, queue, args::text, meta::text, priority, overrides::text,
       ordering_key, overlap, missed, declared, covers, paused, removed,
       (extract(epoch FROM next_at) * 1000000)::bigint, (extract(epoch FROM last_at) * 1000000)::bigint, last_job::text
FROM holdfast.schedules WHERE :name::text IS NULL OR name = :name::text ORDER BY name
