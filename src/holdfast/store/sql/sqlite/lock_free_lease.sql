-- json: released
-- The writer's transaction holds the whole database already: no transaction of the caller's is open.
SELECT id, worker, released FROM holdfast_leases WHERE id = :lease
