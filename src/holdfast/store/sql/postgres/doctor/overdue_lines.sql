-- The job that has been due for longest of those which a lane's lines could go on with and somebody knows. Only the first
-- lines are looked at.
SELECT b.id::text, b.task, (extract(epoch FROM b.first_due) * 1000000)::bigint FROM (
    SELECT queue, key FROM holdfast.lines
    WHERE queue = :queue::text AND lane = :lane::smallint AND due <= :now ORDER BY due LIMIT :limit::int) AS l
CROSS JOIN LATERAL (
    SELECT b.id, b.task, b.first_due FROM holdfast.blocked AS b WHERE b.queue = l.queue AND b.key = l.key AND b.first_due <= :now
    ORDER BY b.first_due, b.id LIMIT 1) AS b
WHERE b.task = ANY (:tasks::text[]) ORDER BY b.first_due, b.id LIMIT 1
