-- It waits for nobody but another worker that does the same: lines are added and dropped in short transactions only.
INSERT INTO holdfast.lines (queue, key, lane)
SELECT u.queue, u.key, u.lane FROM unnest(:queue::text[], :key::text[], :lane::smallint[]) AS u (queue, key, lane)
WHERE NOT EXISTS (SELECT FROM holdfast.lines AS l WHERE l.queue = u.queue AND l.key = u.key)
ON CONFLICT DO NOTHING
