-- The first waiting job of each key, due or not. It isn't locked: one that is skipped would be overtaken.
SELECT b.queue, b.key, b.id::text, (date_part('epoch', b.first_due) * 1e6::float8)::bigint, (date_part('epoch', :now) * 1e6::float8)::bigint FROM json_array_elements(:keys::json) AS k (value)
CROSS JOIN LATERAL (
    SELECT queue, key, id, first_due FROM holdfast.blocked b
    WHERE b.queue = k.value ->> 0 AND b.key = k.value ->> 1 ORDER BY b.first_due, b.id LIMIT 1) AS b
