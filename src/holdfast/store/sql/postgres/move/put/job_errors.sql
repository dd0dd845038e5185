-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.job_errors (id, run, attempt, worker, at, type, message, traceback)
SELECT u.id, u.run, u.attempt, u.worker,
       timestamptz 'epoch' + (u.at / 3600000000) * interval '1 hour' + (u.at % 3600000000) * interval '1 microsecond',
       u.type, u.message, u.traceback
FROM unnest(:id::uuid[], :run::int[], :attempt::int[], :worker::uuid[], :at::bigint[], :type::text[],
            :message::text[], :traceback::text[])
     AS u (id, run, attempt, worker, at, type, message, traceback)
ON CONFLICT DO NOTHING
