-- The job that has been due for longest of those which a lane's lines could go on with and somebody knows. Only the first
-- lines are looked at.
SELECT b.id, b.task, b.first_due FROM (
    SELECT l.queue, l.key FROM holdfast_lines AS l INDEXED BY holdfast_lines_due
    WHERE l.queue = :queue AND l.lane = :lane AND l.due <= :now ORDER BY l.due LIMIT :limit) AS l
CROSS JOIN holdfast_blocked AS b ON b.id = (
    SELECT h.id FROM holdfast_blocked AS h WHERE h.queue = l.queue AND h.key = l.key AND h.first_due <= :now
    ORDER BY h.first_due, h.id LIMIT 1)
WHERE b.task IN (SELECT value FROM json_each(:tasks)) ORDER BY b.first_due, b.id LIMIT 1
