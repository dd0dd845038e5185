-- The failed jobs that were enqueued last: how many, and how many of them failed since a time.
-- The condition on the state repeats that of the partial index, so that it serves.
SELECT count(*), count(*) FILTER (WHERE last.finished_at >= to_timestamp(:since::bigint / 1e6::float8)) FROM (
    SELECT f.finished_at FROM holdfast.finished f
    WHERE f.state <> 'succeeded' AND f.state = 'failed' ORDER BY f.id DESC LIMIT :most::int) AS last
