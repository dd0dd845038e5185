DELETE FROM holdfast.pauses WHERE kind = :kind::text AND name = :name::text RETURNING name
