SELECT run, attempt, worker::text, (date_part('epoch', at) * 1e6::float8)::bigint, type, message, traceback
FROM holdfast.job_errors WHERE id = :id::uuid ORDER BY run
