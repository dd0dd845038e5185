SELECT name, spec, task, queue, args, meta, priority, overrides, ordering_key, overlap,
       missed, declared, covers, paused, removed, next_at, last_at, last_job, :now
FROM holdfast_schedules
WHERE next_at <= :now AND NOT paused AND NOT removed AND name NOT IN (SELECT value FROM json_each(:but))
ORDER BY next_at, name LIMIT :limit
