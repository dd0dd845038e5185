INSERT INTO holdfast_turns (queue, key) VALUES (:queue, :key) ON CONFLICT (queue, key) DO NOTHING
