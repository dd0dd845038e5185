-- The oldest leases, each with the jobs that it may still own, and whether its worker has a row.
SELECT l.id, l.worker, l.created_at, json_array_length(l.jobs) - json_array_length(l.released),
       EXISTS (SELECT 1 FROM holdfast_workers AS w WHERE w.id = l.worker)
FROM holdfast_leases AS l ORDER BY l.created_at LIMIT :limit
