-- Newest first. The condition on the state repeats that of the partial index, so that it serves. The error is the
-- job's last; a name without its module fits as well.
SELECT f.id FROM holdfast_finished f CROSS JOIN holdfast_jobs j ON j.id = f.id
WHERE f.state <> 'succeeded' AND f.state = 'failed' AND f.id < :before
  AND (:queue IS NULL OR j.queue = :queue) AND (:task IS NULL OR j.task = :task)
  AND (:reason IS NULL OR f.reason = :reason)
  AND (:since IS NULL OR f.finished_at >= :since) AND (:until IS NULL OR f.finished_at < :until)
  AND (:error IS NULL OR EXISTS (
      SELECT 1 FROM (SELECT type FROM holdfast_job_errors e WHERE e.id = f.id ORDER BY run DESC LIMIT 1) AS last
      WHERE last.type = :error OR substr(last.type, -length(:error) - 1) = '.' || :error))
ORDER BY f.id DESC LIMIT :limit
