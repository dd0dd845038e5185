-- How many jobs come before one in its lane. In two halves for the same reason as `explain_ahead`.
SELECT count(*) FROM (
    SELECT 1 FROM holdfast_pending AS me CROSS JOIN holdfast_pending AS p
        ON p.queue = me.queue AND p.lane = me.lane AND p.run_at < me.run_at
    WHERE me.id = :id
    UNION ALL
    SELECT 1 FROM holdfast_pending AS me CROSS JOIN holdfast_pending AS p
        ON p.queue = me.queue AND p.lane = me.lane AND p.run_at = me.run_at AND p.id < me.id
    WHERE me.id = :id
    LIMIT :limit)
