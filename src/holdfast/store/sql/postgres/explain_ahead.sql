-- How many jobs stand before one in its line, but for who has the turn.
SELECT count(*) FROM (SELECT * FROM holdfast.blocked WHERE blocked.id = :id::uuid LIMIT 1) AS me
CROSS JOIN LATERAL (
    SELECT FROM holdfast.blocked AS b
    WHERE b.queue = me.queue AND b.key = me.key AND (b.first_due, b.id) < (me.first_due, me.id) AND b.id <> :turn::uuid
    ORDER BY b.first_due, b.id LIMIT :limit::int) AS ahead
