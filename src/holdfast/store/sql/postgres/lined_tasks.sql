-- The tasks at the head of lines that may go on.
SELECT DISTINCT b.task FROM (
    SELECT queue, key FROM holdfast.lines WHERE queue = :queue::text AND lane = :lane::smallint AND due <= :now ORDER BY due LIMIT :limit::int) AS l
CROSS JOIN LATERAL (
    SELECT b.task FROM holdfast.blocked AS b WHERE b.queue = l.queue AND b.key = l.key AND b.first_due <= :now
    ORDER BY b.first_due, b.id LIMIT 1) AS b
