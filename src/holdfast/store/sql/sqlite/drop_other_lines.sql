-- Jobs of a FIFO queue that wait in other lines.
DELETE FROM holdfast_blocked WHERE id IN (
    SELECT id FROM holdfast_blocked WHERE queue = :queue AND key > '' LIMIT :limit)
RETURNING first_due, id, lane, task, run, attempt, crashes,
    (SELECT j.limits FROM holdfast_jobs AS j WHERE j.id = holdfast_blocked.id)
