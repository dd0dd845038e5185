-- What waits in one queue, what is kept of its ended jobs, and since when the first of those that are due has been.
SELECT p.pending, p.due, p.oldest, f.succeeded, f.failed, f.cancelled
FROM (SELECT count(*) AS pending, count(*) FILTER (WHERE run_at <= :now) AS due,
             (date_part('epoch', min(run_at) FILTER (WHERE run_at <= :now)) * 1e6::float8)::bigint AS oldest
      FROM holdfast.pending WHERE queue = :queue::text) AS p,
     (SELECT count(*) FILTER (WHERE f.state = 'succeeded') AS succeeded, count(*) FILTER (WHERE f.state = 'failed') AS failed,
             count(*) FILTER (WHERE f.state = 'cancelled') AS cancelled
      FROM holdfast.finished f JOIN holdfast.jobs j ON j.id = f.id WHERE j.queue = :queue::text) AS f
