-- Queues in which jobs have come that no worker has seen to yet, each with the first of them.
SELECT queue, min(id) FROM (SELECT queue, id FROM holdfast_notes WHERE run = 0 ORDER BY number LIMIT :limit) AS n GROUP BY queue
