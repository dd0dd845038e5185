UPDATE holdfast_jobs SET queue = :queue, priority = :priority, line = :line, limits = :limits, args = coalesce(:args, args),
       run_at = coalesce(:run_at, run_at)
WHERE id = :id
