-- Those that a caller's transaction holds, which may be open for long, are passed over.
SELECT t.queue, t.key, t.id::text FROM json_array_elements(:keys::json) AS k (value)
CROSS JOIN LATERAL (
    SELECT queue, key, id FROM holdfast.turns t
    WHERE t.queue = k.value ->> 0 AND t.key = k.value ->> 1 LIMIT 1 FOR UPDATE SKIP LOCKED) AS t
