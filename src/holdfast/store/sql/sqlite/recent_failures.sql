-- The failed jobs that were enqueued last: how many, and how many of them failed since a time.
-- The condition on the state repeats that of the partial index, so that it serves.
SELECT count(*), coalesce(sum(finished_at >= :since), 0) FROM (
    SELECT f.finished_at FROM holdfast_finished f
    WHERE f.state <> 'succeeded' AND f.state = 'failed' ORDER BY f.id DESC LIMIT :most)
