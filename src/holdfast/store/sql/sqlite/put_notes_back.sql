INSERT INTO holdfast_notes (id, run, queue, key, lane, limits) VALUES (:id, :run, :queue, :key, :lane, :limits)
