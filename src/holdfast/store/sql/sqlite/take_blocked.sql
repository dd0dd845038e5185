DELETE FROM holdfast_blocked WHERE id = :id RETURNING run, attempt, crashes
