DELETE FROM holdfast.workers WHERE id = :id::uuid
