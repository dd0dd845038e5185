-- The first job of each line from a place on, due or not. It isn't locked: one that is skipped would be overtaken.
SELECT b.queue, b.key, b.id::text, (date_part('epoch', b.first_due) * 1e6::float8)::bigint, b.lane, b.task, j.limits
FROM json_array_elements(:keys::json) AS k (value)
CROSS JOIN LATERAL (
    SELECT * FROM holdfast.blocked AS b WHERE b.queue = k.value ->> 0 AND b.key = k.value ->> 1
      AND (b.first_due, b.id) > (to_timestamp((k.value ->> 2)::bigint / 1e6::float8), (k.value ->> 3)::uuid)
    ORDER BY b.first_due, b.id LIMIT 1) AS b
CROSS JOIN LATERAL (SELECT limits FROM holdfast.jobs WHERE jobs.id = b.id LIMIT 1) AS j
