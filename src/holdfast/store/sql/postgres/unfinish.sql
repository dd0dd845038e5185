DELETE FROM holdfast.finished WHERE id = :id::uuid
