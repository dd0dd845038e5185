-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.key, t.id::text, (extract(epoch FROM t.until) * 1000000)::bigint FROM holdfast.unique_keys AS t
