INSERT INTO holdfast_cancel_requests (id, run, at) VALUES (:id, :run, :now) ON CONFLICT DO NOTHING
