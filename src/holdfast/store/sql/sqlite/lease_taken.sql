INSERT INTO holdfast_leases (id, worker, jobs, created_at) VALUES (:lease, :worker, :jobs, :now)
