-- Ordering keys that don't go on: turns held by a job that is neither pending nor running, free turns that have been due
-- since before :late and are not given, and keys with blocked jobs that nobody will look at. One statement, so one
-- snapshot: a turn changes hands in the transaction of the end. Of many keys some are looked at, found one after the
-- other by the index.
WITH RECURSIVE keys AS (
    SELECT * FROM (SELECT queue, key FROM holdfast_blocked ORDER BY queue, key LIMIT 1)
    UNION ALL
    SELECT b.queue, b.key FROM keys AS k CROSS JOIN holdfast_blocked AS b ON b.id = (
        SELECT n.id FROM holdfast_blocked AS n
        WHERE (n.queue, n.key) > (k.queue, k.key) ORDER BY n.queue, n.key LIMIT 1)
), looked_at AS MATERIALIZED (
    SELECT queue, key FROM keys LIMIT :keys
), held AS MATERIALIZED (
    SELECT t.queue, t.key, t.id FROM holdfast_turns AS t
    WHERE t.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM holdfast_pending AS p WHERE p.id = t.id)
), stuck AS MATERIALIZED (
    SELECT h.queue, h.key, h.id,
           CASE WHEN EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = h.id) THEN 'finished'
                WHEN EXISTS (SELECT 1 FROM holdfast_blocked AS b WHERE b.id = h.id) THEN 'blocked'
                WHEN EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = h.id) THEN 'nowhere' ELSE 'gone' END AS place
    FROM held AS h WHERE EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = h.id) OR NOT EXISTS (
        SELECT 1 FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e
        WHERE e.value ->> 0 = h.id AND e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released)))
)
SELECT * FROM (SELECT 'held' AS what, queue, key, id, place, NULL AS due FROM stuck ORDER BY queue, key LIMIT :limit)
UNION ALL
SELECT * FROM (SELECT 'overdue', queue, key, NULL, NULL, due FROM holdfast_turns
               WHERE id IS NULL AND due < :late ORDER BY due LIMIT :limit)
UNION ALL
SELECT * FROM (SELECT 'lost', s.queue, s.key, NULL, NULL, NULL FROM looked_at AS s
               WHERE NOT EXISTS (SELECT 1 FROM holdfast_turns AS t WHERE t.queue = s.queue AND t.key = s.key
                                 AND (t.id IS NOT NULL OR t.due IS NOT NULL))
                 AND NOT EXISTS (SELECT 1 FROM holdfast_arrivals AS a WHERE a.queue = s.queue AND a.key = s.key)
               ORDER BY s.queue, s.key LIMIT :limit)
