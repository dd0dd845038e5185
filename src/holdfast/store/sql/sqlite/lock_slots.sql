SELECT s.name, s.epoch, s.used, s.next_free, s.wake_at, s.waiting, s.tickets, s.served FROM json_each(:names) AS n CROSS JOIN holdfast_slots AS s ON s.name = n.value
