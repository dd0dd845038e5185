-- The writer's transaction holds the whole database already.
SELECT t.queue, t.key, t.id FROM json_each(:keys) AS k
CROSS JOIN holdfast_turns AS t ON t.queue = k.value ->> 0 AND t.key = k.value ->> 1
