UPDATE holdfast_moves SET state = :state, ended_at = :now WHERE id = :id AND role = :role
