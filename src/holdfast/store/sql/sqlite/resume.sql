DELETE FROM holdfast_pauses WHERE kind = :kind AND name = :name RETURNING name
