-- What waits in one queue, what is kept of its ended jobs, and since when the first of those that are due has been.
SELECT (SELECT count(*) FROM holdfast_pending WHERE queue = :queue),
       (SELECT count(*) FROM holdfast_pending WHERE queue = :queue AND run_at <= :now),
       (SELECT min(run_at) FROM holdfast_pending WHERE queue = :queue AND run_at <= :now),
       sum(f.state = 'succeeded'), sum(f.state = 'failed'), sum(f.state = 'cancelled')
FROM holdfast_finished f CROSS JOIN holdfast_jobs j ON j.id = f.id WHERE j.queue = :queue
