INSERT INTO holdfast_workers (id, host, pid, version, queues, tasks, restricted, concurrency, started_at, beat_at)
VALUES (:id, :host, :pid, :version, :queues, :tasks, :restricted, :concurrency, :now, :now)
