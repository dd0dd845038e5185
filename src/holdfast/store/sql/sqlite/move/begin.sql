INSERT INTO holdfast_moves (id, role, other, state, started_at) VALUES (:id, :role, :other, 'moving', :now)
ON CONFLICT (id, role) DO NOTHING
