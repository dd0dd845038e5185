-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.id::text, t.run, t.attempt, t.worker::text, (extract(epoch FROM t.at) * 1000000)::bigint, t.type,
       t.message, t.traceback
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.job_errors WHERE job_errors.id = x.id ORDER BY run LIMIT 1000) AS t
