INSERT INTO holdfast_blocked (queue, key, first_due, id, lane, task)
VALUES (:queue, :ordering_key, max(coalesce(:run_at, :now + :delay), :now), :id, :priority, :task)
