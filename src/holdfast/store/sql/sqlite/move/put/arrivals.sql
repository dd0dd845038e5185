INSERT INTO holdfast_arrivals (id, queue, key) VALUES (:id, :queue, :key) ON CONFLICT DO NOTHING
