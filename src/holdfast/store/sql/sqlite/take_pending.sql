DELETE FROM holdfast_pending WHERE id = :id RETURNING run, attempt, crashes
