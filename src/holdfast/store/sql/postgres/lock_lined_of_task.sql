-- Jobs of a task at the head of lines that may go on. What others have in hand is theirs.
SELECT b.id::text, b.task, b.queue, j.priority, j.args::text, j.meta::text, j.overrides::text, b.run, b.attempt, b.crashes,
       (date_part('epoch', b.first_due) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits
FROM (SELECT queue, key FROM holdfast.lines WHERE queue = :queue::text AND lane = :lane::smallint AND due <= :now ORDER BY due LIMIT :limit::int) AS l
CROSS JOIN LATERAL (
    SELECT id FROM holdfast.blocked AS b WHERE b.queue = l.queue AND b.key = l.key AND b.first_due <= :now
    ORDER BY b.first_due, b.id LIMIT 1) AS h
CROSS JOIN LATERAL (
    SELECT * FROM holdfast.blocked WHERE blocked.id = h.id AND blocked.task = :task::text LIMIT 1 FOR UPDATE SKIP LOCKED) AS b
CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = b.id LIMIT 1) AS j
