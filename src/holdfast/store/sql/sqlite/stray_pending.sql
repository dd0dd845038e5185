-- Jobs of a FIFO queue that are claimable without its turn.
SELECT p.run_at, p.id, j.priority, p.task, p.run, p.attempt, p.crashes, j.limits
FROM holdfast_pending p CROSS JOIN holdfast_jobs j ON j.id = p.id
WHERE p.queue = :queue AND j.line IS NOT '' ORDER BY p.lane, p.run_at, p.id LIMIT :limit
