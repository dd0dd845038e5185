INSERT INTO holdfast_blocked (queue, key, first_due, id, lane, task, run, attempt, crashes)
VALUES (:queue, :key, :first_due, :id, :lane, :task, :run, :attempt, :crashes)
