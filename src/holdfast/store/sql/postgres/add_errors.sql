INSERT INTO holdfast.job_errors (id, run, attempt, worker, at, type, message, traceback)
SELECT u.id, u.run, u.attempt, u.worker, to_timestamp(u.at / 1e6::float8), u.type, u.message, u.traceback
FROM unnest(:id::uuid[], :run::int[], :attempt::int[], :worker::uuid[], :at::bigint[], :type::text[], :message::text[],
            :traceback::text[]) AS u (id, run, attempt, worker, at, type, message, traceback)
ON CONFLICT (id, run) DO NOTHING
