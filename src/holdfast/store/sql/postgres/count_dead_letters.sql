SELECT count(*) FROM holdfast.finished f
CROSS JOIN LATERAL (SELECT queue, task FROM holdfast.jobs WHERE jobs.id = f.id LIMIT 1) AS j
WHERE f.state <> 'succeeded' AND f.state = 'failed'
  AND (:queue::text IS NULL OR j.queue = :queue::text) AND (:task::text IS NULL OR j.task = :task::text)
  AND (:reason::text IS NULL OR f.reason = :reason::text)
  AND (:since::bigint IS NULL OR f.finished_at >= to_timestamp(:since::bigint / 1e6::float8))
  AND (:until::bigint IS NULL OR f.finished_at < to_timestamp(:until::bigint / 1e6::float8))
  AND (:error::text IS NULL OR EXISTS (
      SELECT FROM (SELECT type FROM holdfast.job_errors e WHERE e.id = f.id ORDER BY run DESC LIMIT 1) AS last
      WHERE last.type = :error::text OR right(last.type, length(:error::text) + 1) = '.' || :error::text))
