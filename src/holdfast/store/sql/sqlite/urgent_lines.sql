-- The lines of the highest priority that wait for some slots, by their tickets.
SELECT t.queue, t.key, t.epoch, t.lane, t.due, t.id, t.run, t.slot, t.ticket, t.credit
FROM (
    SELECT w.value ->> 0 AS slot, w.value ->> 1 AS number, (
        SELECT json_group_array(ticket) FROM (
            SELECT l.ticket FROM holdfast_lines AS l INDEXED BY holdfast_lines_urgent WHERE l.slot = w.value ->> 0
            ORDER BY l.lane DESC, l.ticket LIMIT :most)) AS tickets
    FROM json_each(:slots) AS w) AS f
CROSS JOIN json_each(f.tickets) AS x ON x.key < f.number
CROSS JOIN holdfast_lines AS t INDEXED BY holdfast_lines_waiting ON t.slot = f.slot AND t.ticket = x.value
