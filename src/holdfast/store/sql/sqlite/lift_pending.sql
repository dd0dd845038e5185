DELETE FROM holdfast_pending WHERE id = :id RETURNING queue, NULL, lane, run_at, task, run, attempt, crashes
