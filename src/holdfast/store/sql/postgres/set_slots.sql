-- The slots are locked and there; a time of 0 is now. By way of a conflict, since that finds each by its key under any plan.
INSERT INTO holdfast.slots (name, epoch, used, next_free, wake_at, waiting, tickets, served)
SELECT u.name, u.epoch, u.used, to_timestamp(u.next_free / 1e6::float8),
       CASE u.wake_at WHEN 0 THEN :now ELSE to_timestamp(u.wake_at / 1e6::float8) END, u.waiting, u.tickets, u.served
FROM unnest(:name::text[], :epoch::int[], :used::int[], :next_free::bigint[], :wake_at::bigint[], :waiting::boolean[],
            :tickets::bigint[], :served::bigint[])
     AS u (name, epoch, used, next_free, wake_at, waiting, tickets, served)
ON CONFLICT (name, epoch) DO UPDATE SET
    used = excluded.used, next_free = excluded.next_free, wake_at = excluded.wake_at, waiting = excluded.waiting,
    tickets = excluded.tickets, served = excluded.served,
    change = slots.change + 1, epoch = slots.epoch + (mod(slots.change, 256) = 255)::int
