SELECT (extract(epoch FROM next_at) * 1000000)::bigint FROM holdfast.schedules
WHERE next_at IS NOT NULL AND NOT paused AND NOT removed AND name <> ALL(:but::text[])
ORDER BY schedules.next_at LIMIT 1
