-- FOR SHARE: FOR KEY SHARE would not see a release that is being committed.
SELECT l.id::text, l.worker::text, l.released::text[] FROM unnest(:leases::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT id, worker, released FROM holdfast.leases WHERE leases.id = x.id LIMIT 1 FOR SHARE) AS l
