-- Whoever has the row fires it; others pass it over. The index has only those that may fire.
SELECT name, spec::text, task, queue, args::text, meta::text, priority, overrides::text,
       ordering_key, overlap, missed, declared, covers, paused, removed,
       (extract(epoch FROM next_at) * 1000000)::bigint, (extract(epoch FROM last_at) * 1000000)::bigint, last_job::text,
       (extract(epoch FROM :now) * 1000000)::bigint
FROM holdfast.schedules
WHERE next_at <= :now AND NOT paused AND NOT removed AND name <> ALL(:but::text[])
ORDER BY schedules.next_at, name LIMIT :limit::int FOR UPDATE SKIP LOCKED
