INSERT INTO holdfast.moves (id, role, other, state, started_at) VALUES (:id::uuid, :role::text, :other::text, 'moving', :now)
ON CONFLICT (id, role) DO NOTHING
