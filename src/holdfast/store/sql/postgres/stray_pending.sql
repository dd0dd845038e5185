-- Jobs of a FIFO queue that are claimable without its turn.
SELECT (date_part('epoch', p.run_at) * 1e6::float8)::bigint, p.id::text, j.priority, p.task, p.run, p.attempt, p.crashes, j.limits
FROM holdfast.pending p CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = p.id LIMIT 1) AS j
WHERE p.queue = :queue::text AND j.line IS DISTINCT FROM ''
ORDER BY p.lane, p.run_at, p.id LIMIT :limit::int FOR UPDATE OF p SKIP LOCKED
