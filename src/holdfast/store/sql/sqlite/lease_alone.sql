-- Jobs of one claim, each in a lease of its own.
INSERT INTO holdfast_leases (id, worker, jobs, created_at)
VALUES (:lease, :worker, json_array(json_array(:id, :run, :attempt, :crashes)), :now)
