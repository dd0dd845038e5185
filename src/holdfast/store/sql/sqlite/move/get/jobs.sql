SELECT id, queue, task, priority, args, meta, overrides, run_at, created_at, line, limits, origin, unique_key
FROM holdfast_jobs WHERE id IN (SELECT value FROM json_each(:ids))
