-- Jobs of one claim, each in a lease of its own.
INSERT INTO holdfast.leases (id, worker, ids, runs, attempts, crashes, created_at)
SELECT u.lease, :worker::uuid, ARRAY[u.id], ARRAY[u.run], ARRAY[u.attempt], ARRAY[u.crashes], :now
FROM unnest(:lease::uuid[], :id::uuid[], :run::int[], :attempt::int[], :crashes::int[]) AS u (lease, id, run, attempt, crashes)
