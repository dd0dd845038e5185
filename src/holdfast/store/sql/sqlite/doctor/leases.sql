-- The oldest leases, each with the jobs that it may still own.
SELECT l.id, l.worker, l.created_at, json_array_length(l.jobs) - json_array_length(l.released)
FROM holdfast_leases AS l ORDER BY l.created_at LIMIT :limit
