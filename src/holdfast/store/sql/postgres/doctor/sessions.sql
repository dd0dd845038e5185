SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(state, ''), left(query, 200)
FROM pg_stat_activity WHERE pid = ANY (:pids::int[])
