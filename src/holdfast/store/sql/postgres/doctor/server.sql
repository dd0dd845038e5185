SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(), current_user::text,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())
