INSERT INTO holdfast_expiries (id, at) VALUES (:id, :at) ON CONFLICT DO NOTHING
