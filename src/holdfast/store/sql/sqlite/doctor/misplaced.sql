-- Of the newest and the oldest jobs those that are not in exactly one place; the last column counts all looked at. One
-- statement, so one snapshot: a job on its way from one place to another is in one of them. A finished job may still
-- be named by its lease.
WITH sample AS MATERIALIZED (
    SELECT * FROM (SELECT id FROM holdfast_jobs ORDER BY id DESC LIMIT :half) UNION SELECT * FROM (SELECT id FROM holdfast_jobs ORDER BY id LIMIT :half)
), owned AS MATERIALIZED (
    SELECT e.value ->> 0 AS id, count(*) AS leases FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e
    WHERE e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released)) GROUP BY 1
), places AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = s.id) AS finished,
           EXISTS (SELECT 1 FROM holdfast_pending AS p WHERE p.id = s.id) AS pending,
           EXISTS (SELECT 1 FROM holdfast_blocked AS b WHERE b.id = s.id) AS blocked,
           coalesce(o.leases, 0) AS leases
    FROM sample AS s LEFT JOIN owned AS o ON o.id = s.id
), wrong AS (
    SELECT * FROM places WHERE finished + pending + blocked + CASE WHEN finished = 1 THEN 0 ELSE leases END <> 1 ORDER BY id LIMIT 20
)
SELECT w.id, w.finished, w.pending, w.blocked, w.leases, c.looked_at
FROM (SELECT count(*) AS looked_at FROM sample) AS c LEFT JOIN wrong AS w ON 1
