INSERT INTO holdfast_finished (id, state, reason, run, attempt, crashes, worker, result, started_at, finished_at, expires_at)
VALUES (:id, :state, :reason, :run, :attempt, :crashes, :worker, :result, :started_at, :finished_at,
        :expires_at)
ON CONFLICT DO NOTHING
