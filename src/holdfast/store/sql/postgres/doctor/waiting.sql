-- Who waits for a lock on our tables or on rows in them, and for whom.
SELECT a.pid, coalesce(a.application_name, ''), coalesce(c.relname::text, ''),
       extract(epoch FROM clock_timestamp() - l.waitstart)::float8, pg_blocking_pids(a.pid)
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND (a.application_name LIKE 'holdfast%' OR n.nspname = :schema::text)
ORDER BY l.waitstart LIMIT 10
