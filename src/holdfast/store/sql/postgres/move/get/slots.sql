-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.name, (extract(epoch FROM t.next_free) * 1000000)::bigint FROM holdfast.slots AS t WHERE t.next_free IS NOT NULL
