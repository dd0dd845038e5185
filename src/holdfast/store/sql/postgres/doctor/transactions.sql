-- The oldest first. Without a snapshot or an id of its own a transaction keeps vacuum from nothing. The
-- query is left out: it may hold what is nobody's business.
SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(client_addr::text, 'local'), coalesce(state, ''),
       extract(epoch FROM clock_timestamp() - xact_start)::float8,
       backend_xmin IS NOT NULL OR backend_xid IS NOT NULL
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - :seconds::int * interval '1 second'
ORDER BY xact_start LIMIT 10
