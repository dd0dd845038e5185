SELECT next_at FROM holdfast_schedules
WHERE next_at IS NOT NULL AND NOT paused AND NOT removed AND name NOT IN (SELECT value FROM json_each(:but))
ORDER BY next_at LIMIT 1
