INSERT INTO holdfast.finished
    (id, state, reason, run, attempt, crashes, worker, result, started_at, finished_at, expires_at)
SELECT u.id, u.state, u.reason, u.run, u.attempt, u.crashes, u.worker, u.result::json,
       to_timestamp(u.started_at / 1e6::float8), to_timestamp(u.finished_at / 1e6::float8), to_timestamp(u.expires_at / 1e6::float8)
FROM unnest(:id::uuid[], :state::text[], :reason::text[], :run::int[], :attempt::int[], :crashes::int[],
            :worker::uuid[], :result::text[], :started_at::bigint[], :finished_at::bigint[], :expires_at::bigint[])
     AS u (id, state, reason, run, attempt, crashes, worker, result, started_at, finished_at, expires_at)
ON CONFLICT (id) DO NOTHING
