-- The first waiting job of each key, due or not.
SELECT b.queue, b.key, b.id, b.first_due, :now FROM (
    SELECT k.value ->> 0 AS queue, k.value ->> 1 AS key,
           (SELECT h.id FROM holdfast_blocked h
            WHERE h.queue = k.value ->> 0 AND h.key = k.value ->> 1 ORDER BY h.first_due, h.id LIMIT 1) AS id
    FROM json_each(:keys) AS k) AS f
CROSS JOIN holdfast_blocked AS b ON b.id = f.id
