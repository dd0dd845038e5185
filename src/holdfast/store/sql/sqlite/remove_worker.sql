DELETE FROM holdfast_workers WHERE id = :id
