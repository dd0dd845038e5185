DELETE FROM holdfast.blocked WHERE id = :id::uuid RETURNING run, attempt, crashes
