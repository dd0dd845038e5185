-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
SELECT t.queue, t.task, (extract(epoch FROM t.since) * 1000000)::bigint
FROM holdfast.unknown_tasks AS t
