-- Of the newest and the oldest jobs those that are not in exactly one place; the last column counts all looked at. One
-- statement, so one snapshot: a job on its way from one place to another is in one of them. A finished job may still
-- be named by its lease.
WITH sample AS MATERIALIZED (
    (SELECT id FROM holdfast.jobs ORDER BY id DESC LIMIT :half::int) UNION (SELECT id FROM holdfast.jobs ORDER BY id LIMIT :half::int)
), owned AS MATERIALIZED (
    SELECT u.id, count(*) AS leases FROM holdfast.leases AS l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
    WHERE u.id <> ALL (l.released) GROUP BY u.id
), places AS MATERIALIZED (
    SELECT s.id, (EXISTS (SELECT 1 FROM holdfast.finished AS f WHERE f.id = s.id))::int AS finished,
           (EXISTS (SELECT 1 FROM holdfast.pending AS p WHERE p.id = s.id))::int AS pending,
           (EXISTS (SELECT 1 FROM holdfast.blocked AS b WHERE b.id = s.id))::int AS blocked,
           coalesce(o.leases, 0) AS leases
    FROM sample AS s LEFT JOIN owned AS o ON o.id = s.id
), wrong AS (
    SELECT * FROM places WHERE finished + pending + blocked + CASE WHEN finished = 1 THEN 0 ELSE leases END <> 1 ORDER BY id LIMIT 20
)
SELECT w.id::text, w.finished, w.pending, w.blocked, w.leases, c.looked_at
FROM (SELECT count(*) AS looked_at FROM sample) AS c LEFT JOIN wrong AS w ON true
