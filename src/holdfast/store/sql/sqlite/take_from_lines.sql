-- The next jobs of lines in which they stand side by side: so many of each. `unblock` takes them out.
SELECT j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides,
       b.run + 1, b.attempt + 1, b.crashes, b.first_due, j.created_at, j.line, j.unique_key, j.limits, b.lane, b.key
FROM json_each(:lines) AS w
CROSS JOIN holdfast_blocked AS b ON b.id IN (
    SELECT h.id FROM holdfast_blocked AS h
    WHERE h.queue = w.value ->> 0 AND h.key = w.value ->> 1 AND h.first_due <= :now
      AND h.task IN (SELECT value FROM json_each(:tasks))
    ORDER BY h.first_due, h.id LIMIT w.value ->> 2)
CROSS JOIN holdfast_jobs AS j ON j.id = b.id
