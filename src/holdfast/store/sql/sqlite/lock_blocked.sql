SELECT p.id, p.task, p.queue, j.priority, j.args, j.meta, j.overrides, p.run, p.attempt, p.crashes, p.first_due, j.created_at, j.line, j.unique_key, j.limits, p.lane
FROM json_each(:ids) AS x CROSS JOIN holdfast_blocked p ON p.id = x.value CROSS JOIN holdfast_jobs j ON j.id = p.id
