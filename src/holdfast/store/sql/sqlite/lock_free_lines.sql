-- The writer's transaction holds the whole database already.
SELECT t.queue, t.key, t.epoch, t.lane, t.due, t.id, t.run, t.slot, t.ticket, t.credit
FROM json_each(:keys) AS k CROSS JOIN holdfast_lines AS t ON t.queue = k.value ->> 0 AND t.key = k.value ->> 1
