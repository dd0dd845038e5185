-- How many jobs are due in the higher lanes of a queue, each line that may go on counted as one. Lane by lane, so that
-- what is not due yet is not walked over; and by subqueries: to speed up a join, SQLite may read a whole table first.
WITH RECURSIVE lane (n) AS (
    SELECT min(p.lane) FROM holdfast_pending p WHERE p.queue = :queue AND p.lane > :lane
    UNION ALL
    SELECT (SELECT min(p.lane) FROM holdfast_pending p WHERE p.queue = :queue AND p.lane > l.n) FROM lane l WHERE l.n IS NOT NULL
),
line (n) AS (
    SELECT min(t.lane) FROM holdfast_lines t WHERE t.due IS NOT NULL AND t.queue = :queue AND t.lane > :lane
    UNION ALL
    SELECT (SELECT min(t.lane) FROM holdfast_lines t WHERE t.due IS NOT NULL AND t.queue = :queue AND t.lane > l.n)
    FROM line l WHERE l.n IS NOT NULL
)
SELECT min(:limit, sum(number)) FROM (
    SELECT (SELECT count(*) FROM (
        SELECT 1 FROM holdfast_pending p WHERE p.queue = :queue AND p.lane = l.n AND p.run_at <= :now LIMIT :limit)) AS number
    FROM lane l
    UNION ALL
    SELECT (SELECT count(*) FROM (
        SELECT 1 FROM holdfast_lines t INDEXED BY holdfast_lines_due
        WHERE t.queue = :queue AND t.lane = l.n AND t.due <= :now LIMIT :limit))
    FROM line l)
