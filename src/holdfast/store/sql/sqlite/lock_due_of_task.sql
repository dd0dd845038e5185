SELECT p.id, p.task, p.queue, j.priority, j.args, j.meta, j.overrides, p.run, p.attempt, p.crashes, p.run_at, j.created_at, j.line, j.unique_key, j.limits, p.lane
FROM holdfast_pending p CROSS JOIN holdfast_jobs j ON j.id = p.id
WHERE p.queue = :queue AND p.lane = :lane AND p.task = :task AND p.run_at <= :now
ORDER BY p.run_at, p.id LIMIT :limit
