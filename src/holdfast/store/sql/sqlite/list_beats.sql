SELECT id, beat FROM holdfast_workers ORDER BY id
