-- The lanes are visited in the order given: CROSS JOIN fixes the nesting of the loops, the key of pending gives the
-- order inside a lane, and the limit stops the walk. SQLite has no data-modifying WITH: `take` and `lease` finish
-- what one statement does on PostgreSQL, in the same transaction. No marks are needed, since SQLite leaves no dead
-- entries behind. What is paused is left out here and nowhere else, so that a pause holds from its commit on.
SELECT p.id, p.task, p.queue, j.priority, j.args, j.meta, j.overrides,
       p.run + 1, p.attempt + 1, p.crashes, p.run_at, j.created_at, j.line, j.unique_key, j.limits, p.lane
FROM json_each(:lanes) AS l
CROSS JOIN holdfast_pending AS p
    ON p.queue = l.value ->> 0 AND p.lane = l.value ->> 1 AND p.run_at <= :now
   AND p.task IN (
       SELECT value FROM json_each(:tasks)
       WHERE NOT EXISTS (SELECT 1 FROM holdfast_pauses WHERE kind = 'task' AND name = value))
CROSS JOIN holdfast_jobs AS j ON j.id = p.id
WHERE NOT EXISTS (SELECT 1 FROM holdfast_pauses WHERE kind = 'all' AND name = '')
  AND NOT EXISTS (SELECT 1 FROM holdfast_pauses WHERE kind = 'queue' AND name = l.value ->> 0)
LIMIT :limit
