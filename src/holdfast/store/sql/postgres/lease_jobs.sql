-- What some leases still own: their jobs less those released, less those finished, as far as still kept.
SELECT l.id::text, l.worker::text, j.id::text, j.task, j.queue, j.priority, j.args::text, j.meta::text, j.overrides::text,
       u.run, u.attempt, u.crashes, (date_part('epoch', j.run_at) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits, (date_part('epoch', l.created_at) * 1e6::float8)::bigint
FROM unnest(:leases::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.leases WHERE leases.id = x.id LIMIT 1) AS l
CROSS JOIN LATERAL unnest(l.ids, l.runs, l.attempts, l.crashes) AS u (id, run, attempt, crashes)
CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = u.id LIMIT 1) AS j
WHERE u.id <> ALL (l.released)
  AND NOT EXISTS (SELECT FROM holdfast.finished f WHERE f.id = u.id LIMIT 1)
