-- Some of the running jobs that use a slot, among the first of all that are in workers' hands.
SELECT j.id::text FROM (
    SELECT u.id FROM (SELECT ids, released FROM holdfast.leases ORDER BY leases.id LIMIT :most::int) AS l
    CROSS JOIN LATERAL unnest(l.ids) AS u (id) WHERE u.id <> ALL (l.released) LIMIT :most::int) AS held
CROSS JOIN LATERAL (SELECT id, limits FROM holdfast.jobs WHERE jobs.id = held.id LIMIT 1) AS j
WHERE EXISTS (SELECT FROM json_array_elements_text(j.limits::json) AS n (name) WHERE n.name = :slot::text)
  AND NOT EXISTS (SELECT FROM holdfast.finished AS f WHERE f.id = held.id)
LIMIT :limit::int
