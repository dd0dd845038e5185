-- A line that the target has too goes on as it was in the source.
INSERT INTO holdfast_lines (queue, key, lane, due, id, run) VALUES (:queue, :key, :lane, :due, :id, :run)
ON CONFLICT (queue, key) DO UPDATE SET
    lane = excluded.lane, due = excluded.due, id = excluded.id, run = excluded.run, slot = NULL, ticket = 0, credit = 0
