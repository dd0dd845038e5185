SELECT queue, count(*) FROM holdfast.blocked GROUP BY queue
