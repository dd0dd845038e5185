-- It waits for nobody but another worker that does the same: turns are added and dropped in short transactions only.
INSERT INTO holdfast.turns (queue, key)
SELECT u.queue, u.key FROM unnest(:queue::text[], :key::text[]) AS u (queue, key)
ON CONFLICT (queue, key) DO NOTHING
