DELETE FROM holdfast.pending WHERE id = :id::uuid RETURNING run, attempt, crashes
