-- Lines that don't go on: turns held by a job that neither runs nor waits for its retry, and lines with jobs due since
-- before :late that nobody will look at. One statement, so one snapshot: a turn changes hands in the transaction of the
-- end. Of many lines with waiting jobs some are looked at, found one after the other by the index.
WITH RECURSIVE keys AS (
    (SELECT queue, key, first_due FROM holdfast.blocked ORDER BY queue, key, first_due LIMIT 1)
    UNION ALL
    SELECT n.queue, n.key, n.first_due FROM keys AS k CROSS JOIN LATERAL (
        SELECT b.queue, b.key, b.first_due FROM holdfast.blocked AS b
        WHERE (b.queue, b.key) > (k.queue, k.key) ORDER BY b.queue, b.key, b.first_due LIMIT 1) AS n
), looked_at AS MATERIALIZED (
    SELECT queue, key, first_due FROM keys LIMIT :keys::int
), owned AS MATERIALIZED (
    SELECT u.id FROM holdfast.leases AS l CROSS JOIN LATERAL unnest(l.ids) AS u (id) WHERE u.id <> ALL (l.released)
), places AS MATERIALIZED (
    SELECT l.queue, l.key, l.id, l.due IS NULL AND l.slot IS NULL AS runs,
           EXISTS (SELECT 1 FROM holdfast.finished AS f WHERE f.id = l.id) AS finished,
           EXISTS (SELECT 1 FROM holdfast.blocked AS b WHERE b.id = l.id) AS blocked,
           EXISTS (SELECT 1 FROM owned AS o WHERE o.id = l.id) AS owned
    FROM holdfast.lines AS l
    WHERE l.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM holdfast.notes AS n WHERE n.id = l.id AND n.run = l.run)
), held AS (
    SELECT p.queue, p.key, p.id,
           CASE WHEN p.finished THEN 'finished' WHEN p.blocked THEN 'blocked' WHEN p.owned THEN 'running'
                WHEN EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = p.id) THEN 'nowhere' ELSE 'gone' END AS place
    FROM places AS p WHERE NOT CASE WHEN p.runs THEN p.owned AND NOT p.finished ELSE p.blocked END
)
SELECT * FROM (
    (SELECT 'held' AS what, queue, key, id::text, place FROM held ORDER BY queue, key LIMIT :limit::int)
    UNION ALL
    (SELECT 'lost', s.queue, s.key, NULL, NULL FROM looked_at AS s
     WHERE s.first_due < to_timestamp(:late::bigint / 1e6::float8)
       AND NOT EXISTS (SELECT 1 FROM holdfast.lines AS l WHERE l.queue = s.queue AND l.key = s.key
                       AND (l.due IS NOT NULL OR l.id IS NOT NULL OR l.slot IS NOT NULL))
       AND NOT EXISTS (SELECT 1 FROM holdfast.notes AS n WHERE n.queue = s.queue AND n.key = s.key)
     ORDER BY s.queue, s.key LIMIT :limit::int)
) AS found
