-- A job, where it is, and what is kept of it there; with the store's time.
SELECT :now, j.task, j.queue, j.overrides, j.limits,
       CASE WHEN f.id IS NOT NULL THEN f.state WHEN p.id IS NOT NULL THEN 'pending' WHEN b.id IS NOT NULL THEN 'blocked' ELSE 'running' END,
       coalesce(p.lane, b.lane, j.priority), coalesce(p.run_at, b.first_due, j.run_at),
       coalesce(f.run, p.run, b.run), coalesce(f.attempt, p.attempt, b.attempt), coalesce(f.crashes, p.crashes, b.crashes), b.key,
       f.reason, f.finished_at, f.expires_at, x.at, e.run, e.attempt, e.type, e.message
FROM holdfast_jobs AS j
LEFT JOIN holdfast_finished AS f ON f.id = j.id
LEFT JOIN holdfast_pending AS p ON p.id = j.id
LEFT JOIN holdfast_blocked AS b ON b.id = j.id
LEFT JOIN holdfast_expiries AS x ON x.id = j.id
LEFT JOIN holdfast_job_errors AS e ON e.id = j.id AND e.run = (SELECT max(run) FROM holdfast_job_errors WHERE id = :id)
WHERE j.id = :id
