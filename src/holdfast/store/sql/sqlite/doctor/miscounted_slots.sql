-- Slots that count otherwise than there are jobs which run and need them, or have left without anybody having seen to
-- that yet. One statement, so one snapshot: a claim and an end count in their own transaction.
WITH running AS MATERIALIZED (
    SELECT DISTINCT e.value ->> 0 AS id FROM holdfast_leases AS l CROSS JOIN json_each(l.jobs) AS e
    WHERE e.value ->> 0 NOT IN (SELECT value FROM json_each(l.released))
      AND NOT EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = e.value ->> 0)
), needed AS (
    SELECT n.value AS name FROM running AS r CROSS JOIN holdfast_jobs AS j ON j.id = r.id CROSS JOIN json_each(j.limits) AS n
    UNION ALL
    SELECT n.value FROM holdfast_notes AS t CROSS JOIN json_each(t.limits) AS n
), counted AS MATERIALIZED (
    SELECT name, count(*) AS jobs FROM needed GROUP BY name
)
SELECT * FROM (
    SELECT s.name, s.used, coalesce(c.jobs, 0) AS jobs FROM holdfast_slots AS s LEFT JOIN counted AS c ON c.name = s.name
    WHERE s.used <> coalesce(c.jobs, 0)
    UNION ALL
    SELECT c.name, 0, c.jobs FROM counted AS c WHERE c.name NOT IN (SELECT s.name FROM holdfast_slots AS s)
) ORDER BY name LIMIT :limit
