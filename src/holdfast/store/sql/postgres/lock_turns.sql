-- In the order given, which is that of their keys, as every verb does.
SELECT t.queue, t.key, t.id::text FROM json_array_elements(:keys::json) AS k (value)
CROSS JOIN LATERAL (
    SELECT queue, key, id FROM holdfast.turns t
    WHERE t.queue = k.value ->> 0 AND t.key = k.value ->> 1 LIMIT 1 FOR UPDATE) AS t
