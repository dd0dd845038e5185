INSERT INTO holdfast_pending (id, queue, lane, run_at, task, run, attempt, crashes)
VALUES (:id, :queue, :lane, :run_at, :task, :run, :attempt, :crashes)
ON CONFLICT DO NOTHING
