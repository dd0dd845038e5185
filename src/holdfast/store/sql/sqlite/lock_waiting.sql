-- Where a job waits, if it does: the writer's transaction holds the whole database already.
SELECT queue, lane, run_at, task, run, attempt, crashes, 0 FROM holdfast_pending WHERE id = :id
UNION ALL
SELECT queue, lane, first_due, task, run, attempt, crashes, 1 FROM holdfast_blocked WHERE id = :id
