-- Slots that count otherwise than there are jobs which run and need them, or have left without anybody having seen to
-- that yet. One statement, so one snapshot: a claim and an end count in their own transaction.
WITH running AS MATERIALIZED (
    SELECT DISTINCT u.id FROM holdfast.leases AS l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
    WHERE u.id <> ALL (l.released) AND NOT EXISTS (SELECT 1 FROM holdfast.finished AS f WHERE f.id = u.id)
), needed AS (
    SELECT n.name FROM running AS r
    CROSS JOIN LATERAL (SELECT limits FROM holdfast.jobs WHERE jobs.id = r.id LIMIT 1) AS j
    CROSS JOIN LATERAL json_array_elements_text(j.limits::json) AS n (name)
    UNION ALL
    SELECT n.name FROM holdfast.notes AS t CROSS JOIN LATERAL json_array_elements_text(t.limits::json) AS n (name)
), counted AS MATERIALIZED (
    SELECT name, count(*)::int AS jobs FROM needed GROUP BY name
)
SELECT name, coalesce(s.used, 0), coalesce(c.jobs, 0)
FROM (SELECT name, used FROM holdfast.slots) AS s FULL JOIN counted AS c USING (name)
WHERE coalesce(s.used, 0) <> coalesce(c.jobs, 0) ORDER BY name LIMIT :limit::int
