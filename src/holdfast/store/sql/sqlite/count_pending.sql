SELECT queue, count(*), sum(run_at <= :now), min(run_at), sum(lane < -500) FROM holdfast_pending GROUP BY queue
