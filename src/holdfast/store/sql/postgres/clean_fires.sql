-- By the key, schedule by schedule. What is not before the next fire could still be asked for.
DELETE FROM holdfast.schedule_fires AS f USING holdfast.schedules AS s
WHERE f.schedule = s.name AND f.at < s.next_at AND f.at < :now - :age::bigint * interval '1 microsecond'
