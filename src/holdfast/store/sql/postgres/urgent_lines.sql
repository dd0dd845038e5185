-- The lines of the highest priority that wait for some slots, by their tickets.
SELECT t.queue, t.key, t.epoch, t.lane, (date_part('epoch', t.due) * 1e6::float8)::bigint, t.id::text, t.run, t.slot, t.ticket, t.credit
FROM json_array_elements(:slots::json) AS w (value)
CROSS JOIN LATERAL (
    SELECT * FROM holdfast.lines AS l WHERE l.slot = w.value ->> 0
    ORDER BY l.slot, l.lane DESC, l.ticket LIMIT least((w.value ->> 1)::int, :most::int) FOR UPDATE SKIP LOCKED) AS t
