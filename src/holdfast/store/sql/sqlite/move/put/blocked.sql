INSERT INTO holdfast_blocked (id, queue, key, first_due, lane, task, run, attempt, crashes)
VALUES (:id, :queue, :key, :first_due, :lane, :task, :run, :attempt, :crashes)
ON CONFLICT DO NOTHING
