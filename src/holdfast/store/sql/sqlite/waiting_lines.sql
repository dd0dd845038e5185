-- The next lines that wait for some slots, by their tickets.
SELECT t.queue, t.key, t.epoch, t.lane, t.due, t.id, t.run, t.slot, t.ticket, t.credit
FROM json_each(:slots) AS w
CROSS JOIN holdfast_lines AS t ON (t.queue, t.key) IN (
    SELECT l.queue, l.key FROM holdfast_lines AS l WHERE l.slot = w.value ->> 0 AND l.ticket > w.value ->> 1
    ORDER BY l.ticket LIMIT w.value ->> 2)
