-- Nothing uses the slots of the source. Lines of the target's own that wait for one are called, to wait as long as it says now.
INSERT INTO holdfast_slots (name, next_free) VALUES (:name, :next_free)
ON CONFLICT (name) DO UPDATE SET next_free = excluded.next_free, wake_at = CASE WHEN waiting THEN :now END
