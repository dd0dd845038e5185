-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
-- A line that the target has too goes on as it was in the source, under the epoch that it has here.
INSERT INTO holdfast.lines (queue, key, epoch, lane, due, id, run)
SELECT u.queue, u.key, coalesce((SELECT max(l.epoch) FROM holdfast.lines AS l WHERE l.queue = u.queue AND l.key = u.key), 0), u.lane,
       timestamptz 'epoch' + (u.due / 3600000000) * interval '1 hour' + (u.due % 3600000000) * interval '1 microsecond', u.id, u.run
FROM unnest(:queue::text[], :key::text[], :lane::smallint[], :due::bigint[], :id::uuid[], :run::int[])
     AS u (queue, key, lane, due, id, run) ORDER BY 1, 2
ON CONFLICT (queue, key, epoch) DO UPDATE SET
    lane = excluded.lane, due = excluded.due, id = excluded.id, run = excluded.run, slot = NULL, ticket = 0, credit = 0
