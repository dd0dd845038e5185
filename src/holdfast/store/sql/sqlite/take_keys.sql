INSERT INTO holdfast_unique_keys (key, id, until) VALUES (:key, :id, :now + :span) ON CONFLICT (key) DO NOTHING
