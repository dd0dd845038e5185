-- The next jobs of lines in which they stand side by side: so many of each. `take_out` takes them out. A limit can't be
-- each line's own in SQLite: the highest of them, cut afterwards.
SELECT j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides,
       b.run + 1, b.attempt + 1, b.crashes, b.first_due, j.created_at, j.line, j.unique_key, j.limits, b.lane, b.key
FROM (
    SELECT w.value ->> 2 AS number, (
        SELECT json_group_array(id) FROM (
            SELECT h.id FROM holdfast_blocked AS h
            WHERE h.queue = w.value ->> 0 AND h.key = w.value ->> 1 AND h.first_due <= :now
              AND h.task IN (SELECT value FROM json_each(:tasks))
            ORDER BY h.first_due, h.id LIMIT :most)) AS ids
    FROM json_each(:lines) AS w) AS f
CROSS JOIN json_each(f.ids) AS x ON x.key < f.number
CROSS JOIN holdfast_blocked AS b ON b.id = x.value
CROSS JOIN holdfast_jobs AS j ON j.id = b.id
