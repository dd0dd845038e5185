-- How many jobs stand before one in its line, but for who has the turn. In two halves: SQLite would seek with the
-- first column of a row value alone, and wade through all that are due at the same time.
SELECT count(*) FROM (
    SELECT 1 FROM holdfast_blocked AS me CROSS JOIN holdfast_blocked AS b
        ON b.queue = me.queue AND b.key = me.key AND b.first_due < me.first_due
    WHERE me.id = :id AND b.id <> :turn
    UNION ALL
    SELECT 1 FROM holdfast_blocked AS me CROSS JOIN holdfast_blocked AS b
        ON b.queue = me.queue AND b.key = me.key AND b.first_due = me.first_due AND b.id < me.id
    WHERE me.id = :id AND b.id <> :turn
    LIMIT :limit)
