INSERT INTO holdfast_unique_keys (key, id, until) VALUES (:key, :id, :until)
ON CONFLICT (key) DO UPDATE SET id = excluded.id, until = excluded.until
