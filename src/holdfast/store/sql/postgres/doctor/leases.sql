-- The oldest leases, each with the jobs that it may still own, and whether its worker has a row.
SELECT l.id::text, l.worker::text, (extract(epoch FROM l.created_at) * 1000000)::bigint, cardinality(l.ids) - cardinality(l.released),
       EXISTS (SELECT 1 FROM holdfast.workers AS w WHERE w.id = l.worker)
FROM holdfast.leases AS l ORDER BY l.created_at LIMIT :limit::int
