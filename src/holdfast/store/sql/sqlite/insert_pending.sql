INSERT INTO holdfast_pending (queue, lane, run_at, id, task)
VALUES (:queue, :priority, max(coalesce(:run_at, :now + :delay), :now), :id, :task)
