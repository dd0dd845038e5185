-- The next jobs of lines in which they stand side by side: so many of each, each line from where work may be left.
WITH wanted AS MATERIALIZED (
    SELECT w.value ->> 0 AS queue, w.value ->> 1 AS key, (w.value ->> 2)::int AS number,
           to_timestamp((w.value ->> 3)::bigint / 1e6::float8) AS due, (w.value ->> 4)::uuid AS id
    FROM json_array_elements(:lines::json) AS w (value)
), picked AS MATERIALIZED (
    SELECT b.at FROM wanted AS w CROSS JOIN LATERAL (
        SELECT ctid AS at FROM holdfast.blocked AS b
        WHERE b.queue = w.queue AND b.key = w.key AND (b.first_due, b.id) > (w.due, w.id) AND b.first_due <= :now AND b.task = ANY (:tasks::text[])
        ORDER BY b.first_due, b.id LIMIT least(w.number, :most::int) FOR UPDATE SKIP LOCKED) AS b
), taken AS (
    DELETE FROM holdfast.blocked WHERE ctid = ANY (ARRAY(SELECT at FROM picked))
    RETURNING id, key, lane, first_due, run + 1 AS run, attempt + 1 AS attempt, crashes
)
SELECT j.id::text, j.task, j.queue, j.priority, j.args::text, j.meta::text, j.overrides::text,
       t.run, t.attempt, t.crashes, (date_part('epoch', t.first_due) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits, t.lane, t.key
FROM taken AS t CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = t.id LIMIT 1) AS j
