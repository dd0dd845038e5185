SELECT id::text, beat FROM holdfast.workers ORDER BY id
