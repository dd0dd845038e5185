-- A duration counts from when the job is first due, which the store has just decided.
INSERT INTO holdfast.expiries (id, at)
SELECT u.id, coalesce(to_timestamp(u.at / 1e6::float8), j.run_at + u.after * interval '1 microsecond')
FROM unnest(:id::uuid[], :at::bigint[], :after::bigint[]) AS u (id, at, after)
CROSS JOIN LATERAL (SELECT run_at FROM holdfast.jobs WHERE jobs.id = u.id LIMIT 1) AS j
