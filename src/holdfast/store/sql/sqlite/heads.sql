-- The first job of each line, due or not. Nothing dead is in the way: from its start.
SELECT b.queue, b.key, b.id, b.first_due, b.lane, b.task, j.limits FROM (
    SELECT (SELECT h.id FROM holdfast_blocked AS h
            WHERE h.queue = k.value ->> 0 AND h.key = k.value ->> 1 ORDER BY h.first_due, h.id LIMIT 1) AS id
    FROM json_each(:keys) AS k) AS f
CROSS JOIN holdfast_blocked AS b ON b.id = f.id
CROSS JOIN holdfast_jobs AS j ON j.id = f.id
