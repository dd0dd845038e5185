-- Only if it has not beaten since it was looked at.
DELETE FROM holdfast_workers WHERE id = :id AND beat = :beat
