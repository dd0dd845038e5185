INSERT INTO holdfast_pending (queue, lane, run_at, id, task, run, attempt, crashes)
VALUES (:queue, :lane, :run_at, :id, :task, :run, :attempt, :crashes)
