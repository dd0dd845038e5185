-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.finished (id, state, reason, run, attempt, crashes, worker, result, started_at, finished_at, expires_at)
SELECT u.id, u.state, u.reason, u.run, u.attempt, u.crashes, u.worker, u.result::json,
       timestamptz 'epoch' + (u.started_at / 3600000000) * interval '1 hour' + (u.started_at % 3600000000) * interval '1 microsecond',
       timestamptz 'epoch' + (u.finished_at / 3600000000) * interval '1 hour' + (u.finished_at % 3600000000) * interval '1 microsecond',
       timestamptz 'epoch' + (u.expires_at / 3600000000) * interval '1 hour' + (u.expires_at % 3600000000) * interval '1 microsecond'
FROM unnest(:id::uuid[], :state::text[], :reason::text[], :run::int[], :attempt::int[], :crashes::int[],
            :worker::uuid[], :result::text[], :started_at::bigint[], :finished_at::bigint[],
            :expires_at::bigint[])
     AS u (id, state, reason, run, attempt, crashes, worker, result, started_at, finished_at, expires_at)
ON CONFLICT DO NOTHING
