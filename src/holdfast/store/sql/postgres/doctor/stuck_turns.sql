-- Ordering keys that don't go on: turns held by a job that is neither pending nor running, free turns that have been due
-- since before :late and are not given, and keys with blocked jobs that nobody will look at. One statement, so one
-- snapshot: a turn changes hands in the transaction of the end. Of many keys some are looked at, found one after the
-- other by the index.
WITH RECURSIVE keys AS (
    (SELECT queue, key FROM holdfast.blocked ORDER BY queue, key LIMIT 1)
    UNION ALL
    SELECT n.queue, n.key FROM keys AS k CROSS JOIN LATERAL (
        SELECT b.queue, b.key FROM holdfast.blocked AS b
        WHERE (b.queue, b.key) > (k.queue, k.key) ORDER BY b.queue, b.key LIMIT 1) AS n
), looked_at AS MATERIALIZED (
    SELECT queue, key FROM keys LIMIT :keys::int
), held AS MATERIALIZED (
    SELECT t.queue, t.key, t.id FROM holdfast.turns AS t
    WHERE t.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM holdfast.pending AS p WHERE p.id = t.id)
), stuck AS MATERIALIZED (
    SELECT h.queue, h.key, h.id,
           CASE WHEN EXISTS (SELECT 1 FROM holdfast.finished AS f WHERE f.id = h.id) THEN 'finished'
                WHEN EXISTS (SELECT 1 FROM holdfast.blocked AS b WHERE b.id = h.id) THEN 'blocked'
                WHEN EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = h.id) THEN 'nowhere' ELSE 'gone' END AS place
    FROM held AS h WHERE EXISTS (SELECT 1 FROM holdfast.finished AS f WHERE f.id = h.id) OR NOT EXISTS (
        SELECT 1 FROM holdfast.leases AS l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
        WHERE u.id = h.id AND u.id <> ALL (l.released))
)
SELECT * FROM (
    (SELECT 'held' AS what, queue, key, id::text, place, NULL::bigint AS due FROM stuck ORDER BY queue, key LIMIT :limit::int)
    UNION ALL
    (SELECT 'overdue', queue, key, NULL, NULL, (extract(epoch FROM due) * 1000000)::bigint FROM holdfast.turns
     WHERE id IS NULL AND due < to_timestamp(:late::bigint / 1e6::float8) ORDER BY due LIMIT :limit::int)
    UNION ALL
    (SELECT 'lost', s.queue, s.key, NULL, NULL, NULL FROM looked_at AS s
     WHERE NOT EXISTS (SELECT 1 FROM holdfast.turns AS t WHERE t.queue = s.queue AND t.key = s.key
                       AND (t.id IS NOT NULL OR t.due IS NOT NULL))
       AND NOT EXISTS (SELECT 1 FROM holdfast.arrivals AS a WHERE a.queue = s.queue AND a.key = s.key)
     ORDER BY s.queue, s.key LIMIT :limit::int)
) AS found
