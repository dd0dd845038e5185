UPDATE holdfast.moves SET state = :state::text, ended_at = :now WHERE id = :id::uuid AND role = :role::text
