-- Slots that lines wait for and that may have room.
SELECT s.name, s.epoch, s.used, s.next_free, s.wake_at, s.waiting, s.tickets, s.served FROM holdfast_slots AS s WHERE s.wake_at > :after AND s.wake_at <= :now ORDER BY s.wake_at LIMIT :limit
