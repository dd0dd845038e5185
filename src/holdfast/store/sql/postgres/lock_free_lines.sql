-- Those that others have in hand are passed over.
SELECT t.queue, t.key, t.epoch, t.lane, (date_part('epoch', t.due) * 1e6::float8)::bigint, t.id::text, t.run, t.slot, t.ticket, t.credit
FROM json_array_elements(:keys::json) AS k (value)
CROSS JOIN LATERAL (
    SELECT * FROM holdfast.lines AS l WHERE l.queue = k.value ->> 0 AND l.key = k.value ->> 1
    ORDER BY l.epoch DESC LIMIT 1 FOR UPDATE SKIP LOCKED) AS t
