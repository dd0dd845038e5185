INSERT INTO holdfast_forgotten (id, run, state, at) VALUES (:id, :run, :state, :now)
ON CONFLICT (id) DO UPDATE SET run = excluded.run, state = excluded.state, at = excluded.at
