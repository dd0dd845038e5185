-- How many jobs are due in the higher lanes of a queue, each line that may go on counted as one. Lane by lane, so that
-- what is not due yet is not walked over.
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
SELECT count(*) FROM (
    SELECT 1 FROM lane l CROSS JOIN holdfast_pending p ON p.queue = :queue AND p.lane = l.n AND p.run_at <= :now
    UNION ALL
    SELECT 1 FROM line l CROSS JOIN holdfast_lines t INDEXED BY holdfast_lines_due
        ON t.queue = :queue AND t.lane = l.n AND t.due <= :now
    LIMIT :limit)
