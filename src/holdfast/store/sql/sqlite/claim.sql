-- The lanes are visited in the order given: CROSS JOIN fixes the nesting of the loops, the key of pending gives the
-- order inside a lane, and the limit stops the walk. SQLite has no data-modifying WITH: `take` and `lease` finish
-- what one statement does on PostgreSQL, in the same transaction. No marks are needed, since SQLite leaves no dead
-- entries behind.
SELECT p.id, p.task, p.queue, j.priority, j.args, j.meta, j.overrides,
       p.run + 1, p.attempt + 1, p.crashes, p.run_at, j.created_at, p.lane
FROM json_each(:lanes) AS l
CROSS JOIN holdfast_pending AS p
    ON p.queue = l.value ->> 0 AND p.lane = l.value ->> 1 AND p.run_at <= :now
   AND p.task IN (SELECT value FROM json_each(:tasks))
CROSS JOIN holdfast_jobs AS j ON j.id = p.id
LIMIT :limit
