-- json: running
SELECT id::text, host, pid, version, queues, tasks, restricted, concurrency, (date_part('epoch', started_at) * 1e6::float8)::bigint, beat, (date_part('epoch', beat_at) * 1e6::float8)::bigint,
       running::text AS running, memory
FROM holdfast.workers ORDER BY started_at, id
