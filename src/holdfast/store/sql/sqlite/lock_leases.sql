-- json: released
-- The writer's transaction holds the whole database already.
SELECT id, worker, released FROM holdfast_leases WHERE id IN (SELECT value FROM json_each(:leases)) ORDER BY id
