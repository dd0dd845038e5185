-- A time of 0 is now.
UPDATE holdfast_slots SET used = :used, next_free = :next_free, wake_at = CASE :wake_at WHEN 0 THEN :now ELSE :wake_at END, waiting = :waiting, tickets = :tickets,
    served = :served
WHERE name = :name
