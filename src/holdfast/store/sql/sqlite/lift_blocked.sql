DELETE FROM holdfast_blocked WHERE id = :id RETURNING queue, key, lane, first_due, task, run, attempt, crashes
