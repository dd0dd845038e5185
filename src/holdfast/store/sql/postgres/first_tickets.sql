-- The first tickets of lines that wait for some slots, each from what was served.
SELECT n.name, t.ticket FROM unnest(:slots::text[]) AS n (name)
CROSS JOIN LATERAL (SELECT served FROM holdfast.slots AS s WHERE s.name = n.name ORDER BY s.epoch DESC LIMIT 1) AS s
CROSS JOIN LATERAL (
    SELECT l.ticket FROM holdfast.lines AS l WHERE l.slot = n.name AND l.ticket > s.served ORDER BY l.ticket LIMIT :most::int) AS t
