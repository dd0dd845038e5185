-- Those whose turn it is, as far as they still need what was found. A row that a caller's transaction is about to take
-- away is left.
WITH taken AS (
    DELETE FROM holdfast.blocked WHERE ctid = ANY (ARRAY(
        SELECT b.at FROM json_array_elements(:heads::json) AS x (value)
        CROSS JOIN LATERAL (SELECT limits FROM holdfast.jobs WHERE jobs.id = (x.value ->> 0)::uuid LIMIT 1) AS j
        CROSS JOIN LATERAL (
            SELECT ctid AS at FROM holdfast.blocked WHERE blocked.id = (x.value ->> 0)::uuid LIMIT 1 FOR UPDATE SKIP LOCKED) AS b
        WHERE j.limits IS NOT DISTINCT FROM x.value ->> 1))
    RETURNING id, key, lane, first_due, run + 1 AS run, attempt + 1 AS attempt, crashes
)
SELECT j.id::text, j.task, j.queue, j.priority, j.args::text, j.meta::text, j.overrides::text,
       t.run, t.attempt, t.crashes, (date_part('epoch', t.first_due) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits, t.lane, t.key
FROM taken AS t CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = t.id LIMIT 1) AS j
