SELECT queue, count(*) FROM holdfast_blocked GROUP BY queue
