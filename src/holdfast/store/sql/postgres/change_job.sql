UPDATE holdfast.jobs SET queue = :queue::text, priority = :priority::smallint, line = :line::text, limits = :limits::text,
       args = coalesce(:args::json, args), run_at = coalesce(to_timestamp(:run_at::bigint / 1e6::float8), run_at)
WHERE id = :id::uuid
