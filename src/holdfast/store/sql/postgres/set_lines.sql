-- The lines are locked and there; a time of 0 is now. By way of a conflict, since that finds each by its key under any plan.
INSERT INTO holdfast.lines (queue, key, epoch, lane, due, id, run, slot, ticket, credit)
SELECT u.queue, u.key, u.epoch, u.lane, CASE u.due WHEN 0 THEN :now ELSE to_timestamp(u.due / 1e6::float8) END, u.id, u.run, u.slot, u.ticket, u.credit
FROM unnest(:queue::text[], :key::text[], :epoch::int[], :lane::smallint[], :due::bigint[], :id::uuid[], :run::int[], :slot::text[],
            :ticket::bigint[], :credit::int[])
     AS u (queue, key, epoch, lane, due, id, run, slot, ticket, credit)
ON CONFLICT (queue, key, epoch) DO UPDATE SET
    lane = excluded.lane, due = excluded.due, id = excluded.id, run = excluded.run, slot = excluded.slot, ticket = excluded.ticket,
    credit = excluded.credit, change = lines.change + 1,
    epoch = lines.epoch + (mod(lines.change, 256) = 255)::int
