-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.kind, t.name, t.who, t.reason, (extract(epoch FROM t.since) * 1000000)::bigint
FROM holdfast.pauses AS t
