-- What keeps vacuum back besides open transactions: kind, name, seconds, transactions behind, bytes of WAL kept.
SELECT 'prepared transaction', gid, extract(epoch FROM clock_timestamp() - prepared)::float8, age(transaction)::bigint, NULL::bigint
FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT CASE WHEN active THEN 'replication slot' ELSE 'inactive replication slot' END, slot_name::text, NULL,
       greatest(age(xmin), age(catalog_xmin))::bigint,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint END
FROM pg_replication_slots
UNION ALL
SELECT 'standby with hot_standby_feedback', application_name, NULL, age(backend_xmin)::bigint, NULL
FROM pg_stat_replication WHERE backend_xmin IS NOT NULL
