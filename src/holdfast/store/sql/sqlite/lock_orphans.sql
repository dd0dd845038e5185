SELECT l.id, l.worker FROM holdfast_leases l
WHERE NOT EXISTS (SELECT 1 FROM holdfast_workers w WHERE w.id = l.worker)
ORDER BY l.id LIMIT :limit
