INSERT INTO holdfast_slots (name) VALUES (:name) ON CONFLICT DO NOTHING
