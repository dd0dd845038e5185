SELECT s.relname::text, s.n_live_tup, s.n_dead_tup, pg_relation_size(s.relid), pg_indexes_size(s.relid),
       extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))::float8,
       coalesce(array_to_string(c.reloptions, ' '), '')
FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid WHERE s.schemaname = :schema::text ORDER BY s.relname
