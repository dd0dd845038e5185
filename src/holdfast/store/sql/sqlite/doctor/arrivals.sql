-- Queues in which jobs wait for a worker to give turns: the first that has come, or since when a turn is free for one.
SELECT queue, min(id), NULL FROM holdfast_arrivals GROUP BY queue
UNION ALL
SELECT queue, NULL, min(due) FROM holdfast_turns WHERE id IS NULL AND due <= :now GROUP BY queue
