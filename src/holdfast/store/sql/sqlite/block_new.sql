INSERT INTO holdfast_blocked (queue, key, first_due, id, lane, task)
VALUES (:queue, :line, max(coalesce(:run_at, :now + :delay), :now), :id, :priority, :task)
