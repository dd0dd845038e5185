-- How many jobs come before one in its lane.
SELECT count(*) FROM (SELECT * FROM holdfast.pending WHERE pending.id = :id::uuid LIMIT 1) AS me
CROSS JOIN LATERAL (
    SELECT FROM holdfast.pending AS p
    WHERE p.queue = me.queue AND p.lane = me.lane AND (p.run_at, p.id) < (me.run_at, me.id)
    ORDER BY p.run_at, p.id LIMIT :limit::int) AS before
