-- The first due job of a lane that somebody knows. Only the head is looked at: the lane may be long.
SELECT id, task, run_at FROM (
    SELECT id, task, run_at FROM holdfast_pending
    WHERE queue = :queue AND lane = :lane AND run_at <= :now ORDER BY run_at, id LIMIT :limit) AS head
WHERE task IN (SELECT value FROM json_each(:tasks)) ORDER BY run_at, id LIMIT 1
