SELECT p.id::text, p.task, p.queue, j.priority, j.args::text, j.meta::text, j.overrides::text, p.run, p.attempt, p.crashes,
       (date_part('epoch', p.run_at) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits, p.lane
FROM holdfast.pending p CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = p.id LIMIT 1) AS j
WHERE p.queue = :queue::text AND p.lane = :lane::smallint AND p.task = :task::text AND p.run_at <= :now
ORDER BY p.run_at, p.id LIMIT :limit::int FOR UPDATE OF p SKIP LOCKED
