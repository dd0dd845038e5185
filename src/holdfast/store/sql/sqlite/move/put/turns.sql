INSERT INTO holdfast_turns (queue, key, id, due) VALUES (:queue, :key, :id, :due)
ON CONFLICT (queue, key) DO UPDATE SET id = excluded.id, due = excluded.due
