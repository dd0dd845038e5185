-- Lines that don't go on: turns held by a job that neither runs nor waits for its retry, and lines with jobs due since
-- before :late that nobody will look at. One statement, so one snapshot: a turn changes hands in the transaction of the
-- end. Of many lines with waiting jobs some are looked at, found one after the other by the index: not by comparing
-- (queue, key) as a row value, of which SQLite seeks with the first column only.
WITH RECURSIVE keys AS (
    SELECT * FROM (SELECT queue, key, first_due FROM holdfast_blocked ORDER BY queue, key, first_due LIMIT 1)
    UNION ALL
    SELECT b.queue, b.key, b.first_due FROM keys AS k CROSS JOIN holdfast_blocked AS b ON b.id = coalesce(
        (SELECT n.id FROM holdfast_blocked AS n WHERE n.queue = k.queue AND n.key > k.key ORDER BY n.key, n.first_due LIMIT 1),
        (SELECT n.id FROM holdfast_blocked AS n WHERE n.queue > k.queue ORDER BY n.queue, n.key, n.first_due LIMIT 1))
    LIMIT :keys
), looked_at AS MATERIALIZED (
    SELECT queue, key, first_due FROM keys
), owned AS MATERIALIZED (
    SELECT DISTINCT e.value ->> 0 AS id FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e
    WHERE e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released))
), gone AS MATERIALIZED (
    SELECT DISTINCT id, run FROM holdfast_notes WHERE run > 0
), told AS MATERIALIZED (
    SELECT DISTINCT queue, key FROM holdfast_notes
), places AS MATERIALIZED (
    SELECT l.queue, l.key, l.id, l.due IS NULL AND l.slot IS NULL AS runs,
           EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = l.id) AS finished,
           EXISTS (SELECT 1 FROM holdfast_blocked AS b WHERE b.id = l.id) AS blocked,
           o.id IS NOT NULL AS owned
    FROM holdfast_lines AS l LEFT JOIN owned AS o ON o.id = l.id LEFT JOIN gone AS n ON n.id = l.id AND n.run = l.run
    WHERE l.id IS NOT NULL AND n.id IS NULL
), held AS (
    SELECT p.queue, p.key, p.id,
           CASE WHEN p.finished THEN 'finished' WHEN p.blocked THEN 'blocked' WHEN p.owned THEN 'running'
                WHEN EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = p.id) THEN 'nowhere' ELSE 'gone' END AS place
    FROM places AS p WHERE NOT CASE WHEN p.runs THEN p.owned AND NOT p.finished ELSE p.blocked END
)
SELECT * FROM (SELECT 'held' AS what, queue, key, id, place FROM held ORDER BY queue, key LIMIT :limit)
UNION ALL
SELECT * FROM (SELECT 'lost', s.queue, s.key, NULL, NULL FROM looked_at AS s LEFT JOIN told AS n ON n.queue = s.queue AND n.key = s.key
               WHERE s.first_due < :late AND n.queue IS NULL
                 AND NOT EXISTS (SELECT 1 FROM holdfast_lines AS l WHERE l.queue = s.queue AND l.key = s.key
                                 AND (l.due IS NOT NULL OR l.id IS NOT NULL OR l.slot IS NOT NULL))
               ORDER BY s.queue, s.key LIMIT :limit)
