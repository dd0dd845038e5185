DELETE FROM holdfast.audience WHERE id = :id::uuid OR until < :now - interval '1 hour'
