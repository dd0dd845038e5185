INSERT INTO holdfast.workers (id, host, pid, version, queues, tasks, restricted, concurrency, started_at, beat_at)
VALUES (:id::uuid, :host::text, :pid::int, :version::text, :queues::text[], :tasks::text[], :restricted::boolean,
        :concurrency::int, :now, :now)
