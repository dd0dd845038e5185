-- What is not before the next fire could still be asked for.
DELETE FROM holdfast_schedule_fires
WHERE at < :now - :age AND at < (SELECT s.next_at FROM holdfast_schedules AS s WHERE s.name = schedule)
