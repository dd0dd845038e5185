-- What others have in hand is theirs.
SELECT p.id::text, p.task, p.queue, j.priority, j.args::text, j.meta::text, j.overrides::text, p.run, p.attempt, p.crashes,
       (date_part('epoch', p.first_due) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits, p.lane
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.blocked WHERE blocked.id = x.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS p
CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = p.id LIMIT 1) AS j
