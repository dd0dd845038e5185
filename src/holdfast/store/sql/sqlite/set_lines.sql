-- A time of 0 is now.
UPDATE holdfast_lines SET lane = :lane, due = CASE :due WHEN 0 THEN :now ELSE :due END, id = :id, run = :run, slot = :slot, ticket = :ticket, credit = :credit
WHERE queue = :queue AND key = :key
