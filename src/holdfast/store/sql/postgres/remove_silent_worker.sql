-- Only if it has not beaten since it was looked at.
DELETE FROM holdfast.workers WHERE id = :id::uuid AND beat = :beat::bigint
