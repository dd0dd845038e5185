SELECT queue, count(*), count(*) FILTER (WHERE run_at <= :now), (date_part('epoch', min(run_at)) * 1e6::float8)::bigint, count(*) FILTER (WHERE lane < -500)
FROM holdfast.pending GROUP BY queue
