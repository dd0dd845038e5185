-- The oldest leases, each with the jobs that it may still own.
SELECT l.id::text, l.worker::text, (extract(epoch FROM l.created_at) * 1000000)::bigint, cardinality(l.ids) - cardinality(l.released)
FROM holdfast.leases AS l ORDER BY l.created_at LIMIT :limit::int
