-- The first tickets of lines that wait for some slots, each from what was served.
SELECT f.name, x.value FROM (
    SELECT n.value AS name, (
        SELECT json_group_array(ticket) FROM (
            SELECT l.ticket FROM holdfast_lines AS l
            WHERE l.slot = n.value AND l.ticket > (SELECT s.served FROM holdfast_slots AS s WHERE s.name = n.value)
            ORDER BY l.ticket LIMIT :most)) AS tickets
    FROM json_each(:slots) AS n) AS f
CROSS JOIN json_each(f.tickets) AS x
