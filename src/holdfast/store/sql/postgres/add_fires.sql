-- No ON CONFLICT: a tick that has fired already must undo the whole transaction, jobs and all.
INSERT INTO holdfast.schedule_fires (schedule, at, job)
SELECT u.schedule, to_timestamp(u.at / 1e6::float8), u.job
FROM unnest(:schedule::text[], :at::bigint[], :job::uuid[]) AS u (schedule, at, job)
RETURNING 1
