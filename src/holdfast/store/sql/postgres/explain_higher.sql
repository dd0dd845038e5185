-- How many jobs are due in the higher lanes of a queue, each line that may go on counted as one. Lane by lane, so that
-- what is not due yet is not walked over.
WITH RECURSIVE lane AS (
    (SELECT lane AS n FROM holdfast.pending WHERE queue = :queue::text AND lane > :lane::smallint ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT h.lane FROM lane AS l CROSS JOIN LATERAL (
        SELECT p.lane FROM holdfast.pending AS p WHERE p.queue = :queue::text AND p.lane > l.n ORDER BY p.lane LIMIT 1) AS h
), line AS (
    (SELECT lane AS n FROM holdfast.lines WHERE due IS NOT NULL AND queue = :queue::text AND lane > :lane::smallint ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT h.lane FROM line AS l CROSS JOIN LATERAL (
        SELECT t.lane FROM holdfast.lines AS t
        WHERE t.due IS NOT NULL AND t.queue = :queue::text AND t.lane > l.n ORDER BY t.lane LIMIT 1) AS h
)
SELECT count(*) FROM (
    SELECT FROM lane AS l CROSS JOIN LATERAL (
        SELECT FROM holdfast.pending AS p WHERE p.queue = :queue::text AND p.lane = l.n AND p.run_at <= :now
        ORDER BY p.run_at LIMIT :limit::int) AS p
    UNION ALL
    SELECT FROM line AS l CROSS JOIN LATERAL (
        SELECT FROM holdfast.lines AS t WHERE t.queue = :queue::text AND t.lane = l.n AND t.due <= :now
        ORDER BY t.due LIMIT :limit::int) AS t
    LIMIT :limit::int) AS due
