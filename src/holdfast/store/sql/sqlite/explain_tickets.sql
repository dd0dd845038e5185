-- How many lines wait for a slot, and how many of them are called before one of this ticket.
SELECT (SELECT count(*) FROM (SELECT 1 FROM holdfast_lines INDEXED BY holdfast_lines_waiting WHERE slot = :slot LIMIT :limit)),
       (SELECT count(*) FROM (
           SELECT 1 FROM holdfast_lines INDEXED BY holdfast_lines_waiting WHERE slot = :slot AND ticket < :ticket LIMIT :limit))
