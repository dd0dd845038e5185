-- What retention and order go by.
SELECT j.id::text, j.task, j.queue, j.priority, j.line, j.unique_key, j.limits FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, task, queue, priority, line, unique_key, limits FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS j
