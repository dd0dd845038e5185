SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(state, '')
FROM pg_stat_activity WHERE pid = ANY (:pids::int[])
