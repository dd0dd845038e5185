INSERT INTO holdfast.cancel_requests (id, run, at) VALUES (:id::uuid, :run::int, :now) ON CONFLICT DO NOTHING
