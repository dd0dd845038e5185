-- The first due job of a lane that somebody knows. Only the head is looked at: the lane may be long.
SELECT id::text, task, (extract(epoch FROM run_at) * 1000000)::bigint FROM (
    SELECT id, task, run_at FROM holdfast.pending
    WHERE queue = :queue::text AND lane = :lane::smallint AND run_at <= :now ORDER BY run_at, id LIMIT :limit::int) AS head
WHERE task = ANY (:tasks::text[]) ORDER BY run_at, id LIMIT 1
