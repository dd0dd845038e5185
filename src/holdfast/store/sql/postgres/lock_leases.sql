-- In the order of their ids, as every verb does, so that two can't wait for each other. FOR UPDATE, since the flush
-- will release jobs or delete a lease: taking the stronger lock later could deadlock with another that shares it.
SELECT l.id::text, l.worker::text, l.released::text[] FROM unnest(:leases::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, worker, released FROM holdfast.leases WHERE leases.id = x.id LIMIT 1 FOR UPDATE) AS l
