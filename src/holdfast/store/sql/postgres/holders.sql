-- Jobs that have the turn of their line and wait for their retry.
SELECT b.queue, b.key, b.id::text, (date_part('epoch', b.first_due) * 1e6::float8)::bigint, b.lane, b.task, j.limits
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.blocked WHERE blocked.id = x.id LIMIT 1) AS b
CROSS JOIN LATERAL (SELECT limits FROM holdfast.jobs WHERE jobs.id = b.id LIMIT 1) AS j
