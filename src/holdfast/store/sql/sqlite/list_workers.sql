-- json: queues tasks running
SELECT id, host, pid, version, queues, tasks, restricted, concurrency, started_at, beat, beat_at, running, memory
FROM holdfast_workers ORDER BY started_at, id
