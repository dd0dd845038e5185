INSERT INTO holdfast_notes (id, run, queue, key, lane) VALUES (:id, 0, :queue, :key, :lane)
