-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.job_progress (id, run, percent, message, at)
SELECT u.id, u.run, u.percent, u.message,
       timestamptz 'epoch' + (u.at / 3600000000) * interval '1 hour' + (u.at % 3600000000) * interval '1 microsecond'
FROM unnest(:id::uuid[], :run::int[], :percent::smallint[], :message::text[], :at::bigint[])
     AS u (id, run, percent, message, at)
ON CONFLICT DO NOTHING
