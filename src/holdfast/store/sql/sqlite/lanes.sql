-- A skip scan: one look-up in the key of pending for each lane there is, then one for its first run time.
WITH RECURSIVE lane (queue, lane) AS (
    SELECT * FROM (SELECT queue, lane FROM holdfast_pending ORDER BY queue, lane LIMIT 1)
    UNION ALL
    SELECT (SELECT p.queue FROM holdfast_pending p WHERE (p.queue, p.lane) > (l.queue, l.lane)
            ORDER BY p.queue, p.lane LIMIT 1),
           (SELECT p.lane FROM holdfast_pending p WHERE (p.queue, p.lane) > (l.queue, l.lane)
            ORDER BY p.queue, p.lane LIMIT 1)
    FROM lane l WHERE l.queue IS NOT NULL
)
SELECT queue, lane,
       (SELECT p.run_at FROM holdfast_pending p WHERE p.queue = lane.queue AND p.lane = lane.lane
        ORDER BY p.run_at LIMIT 1) AS run_at
FROM lane WHERE queue IS NOT NULL
