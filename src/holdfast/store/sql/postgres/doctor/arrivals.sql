-- Queues in which jobs wait for a worker to give turns: the first that has come, or since when a turn is free for one.
SELECT queue, min(id::text), NULL::bigint FROM holdfast.arrivals GROUP BY queue
UNION ALL
SELECT queue, NULL, (date_part('epoch', min(due)) * 1e6::float8)::bigint FROM holdfast.turns WHERE id IS NULL AND due <= :now GROUP BY queue
