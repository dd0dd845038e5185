-- The next lines that wait for some slots, by their tickets. A limit can't be each slot's own in
-- SQLite: the highest of them, cut afterwards.
SELECT t.queue, t.key, t.epoch, t.lane, t.due, t.id, t.run, t.slot, t.ticket, t.credit
FROM (
    SELECT w.value ->> 0 AS slot, w.value ->> 2 AS number, (
        SELECT json_group_array(ticket) FROM (
            SELECT l.ticket FROM holdfast_lines AS l WHERE l.slot = w.value ->> 0 AND l.ticket > w.value ->> 1
            ORDER BY l.ticket LIMIT :most)) AS tickets
    FROM json_each(:slots) AS w) AS f
CROSS JOIN json_each(f.tickets) AS x ON x.key < f.number
CROSS JOIN holdfast_lines AS t INDEXED BY holdfast_lines_waiting ON t.slot = f.slot AND t.ticket = x.value
