-- Jobs of a FIFO queue that wait for the turn of a key of their own.
DELETE FROM holdfast_blocked WHERE id IN (
    SELECT id FROM holdfast_blocked WHERE queue = :queue AND key > '' LIMIT :limit)
RETURNING key, first_due, id, lane, task, run, attempt, crashes
