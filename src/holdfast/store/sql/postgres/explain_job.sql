-- A job, where it is, and what is kept of it there; with the store's time.
SELECT (date_part('epoch', :now) * 1e6::float8)::bigint, j.task, j.queue, j.overrides::text, j.limits,
       CASE WHEN f.id IS NOT NULL THEN f.state WHEN p.id IS NOT NULL THEN 'pending' WHEN b.id IS NOT NULL THEN 'blocked' ELSE 'running' END,
       coalesce(p.lane, b.lane, j.priority), (date_part('epoch', coalesce(p.run_at, b.first_due, j.run_at)) * 1e6::float8)::bigint,
       coalesce(f.run, p.run, b.run), coalesce(f.attempt, p.attempt, b.attempt), coalesce(f.crashes, p.crashes, b.crashes), b.key,
       f.reason, (date_part('epoch', f.finished_at) * 1e6::float8)::bigint, (date_part('epoch', f.expires_at) * 1e6::float8)::bigint,
       (date_part('epoch', x.at) * 1e6::float8)::bigint, e.run, e.attempt, e.type, e.message
FROM (SELECT * FROM holdfast.jobs WHERE jobs.id = :id::uuid LIMIT 1) AS j
LEFT JOIN LATERAL (SELECT * FROM holdfast.finished WHERE finished.id = j.id LIMIT 1) AS f ON true
LEFT JOIN LATERAL (SELECT * FROM holdfast.pending WHERE pending.id = j.id LIMIT 1) AS p ON true
LEFT JOIN LATERAL (SELECT * FROM holdfast.blocked WHERE blocked.id = j.id LIMIT 1) AS b ON true
LEFT JOIN LATERAL (SELECT * FROM holdfast.expiries WHERE expiries.id = j.id LIMIT 1) AS x ON true
LEFT JOIN LATERAL (
    SELECT * FROM holdfast.job_errors WHERE job_errors.id = j.id ORDER BY job_errors.run DESC LIMIT 1) AS e ON true
