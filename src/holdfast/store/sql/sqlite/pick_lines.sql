-- Lines that may go on, those that have been due for longest first.
SELECT t.queue, t.key, t.epoch, t.lane, t.due, t.id, t.run, t.slot, t.ticket, t.credit
FROM json_each(:lanes) AS p
CROSS JOIN holdfast_lines AS t INDEXED BY holdfast_lines_due
    ON t.queue = p.value ->> 0 AND t.lane = p.value ->> 1 AND t.due > p.value ->> 2 AND t.due <= :now
LIMIT :limit
