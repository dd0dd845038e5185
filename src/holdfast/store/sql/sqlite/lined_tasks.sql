-- The tasks at the head of lines that may go on.
SELECT DISTINCT b.task FROM (
    SELECT l.queue, l.key FROM holdfast_lines AS l INDEXED BY holdfast_lines_due
    WHERE l.queue = :queue AND l.lane = :lane AND l.due <= :now ORDER BY l.due LIMIT :limit) AS l
CROSS JOIN holdfast_blocked AS b ON b.id IN (
    SELECT h.id FROM holdfast_blocked AS h WHERE h.queue = l.queue AND h.key = l.key AND h.first_due <= :now
    ORDER BY h.first_due, h.id LIMIT 1)
