INSERT INTO holdfast_lines (queue, key, lane) VALUES (:queue, :key, :lane) ON CONFLICT DO NOTHING
