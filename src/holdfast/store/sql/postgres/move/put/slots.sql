-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
-- Nothing uses the slots of the source. Lines of the target's own that wait for one are called, to wait as long as it says now.
INSERT INTO holdfast.slots (name, epoch, next_free)
SELECT u.name, coalesce((SELECT max(s.epoch) FROM holdfast.slots AS s WHERE s.name = u.name), 0),
       timestamptz 'epoch' + (u.next_free / 3600000000) * interval '1 hour' + (u.next_free % 3600000000) * interval '1 microsecond'
FROM unnest(:name::text[], :next_free::bigint[]) AS u (name, next_free) ORDER BY 1
ON CONFLICT (name, epoch) DO UPDATE SET next_free = excluded.next_free, wake_at = CASE WHEN slots.waiting THEN :now END
