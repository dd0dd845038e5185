-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.queue, t.key, t.id::text, (extract(epoch FROM t.due) * 1000000)::bigint FROM holdfast.turns AS t
