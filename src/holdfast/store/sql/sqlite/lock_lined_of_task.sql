-- Jobs of a task at the head of lines that may go on.
SELECT b.id, b.task, b.queue, j.priority, j.args, j.meta, j.overrides, b.run, b.attempt, b.crashes, b.first_due, j.created_at,
       j.line, j.unique_key, j.limits
FROM (
    SELECT l.queue, l.key FROM holdfast_lines AS l INDEXED BY holdfast_lines_due
    WHERE l.queue = :queue AND l.lane = :lane AND l.due <= :now ORDER BY l.due LIMIT :limit) AS l
CROSS JOIN holdfast_blocked AS b ON b.task = :task AND b.id IN (
    SELECT h.id FROM holdfast_blocked AS h WHERE h.queue = l.queue AND h.key = l.key AND h.first_due <= :now
    ORDER BY h.first_due, h.id LIMIT 1)
CROSS JOIN holdfast_jobs AS j ON j.id = b.id
