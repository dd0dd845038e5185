-- Sessions of other roles, of which only their number can be seen without pg_read_all_stats.
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = '<insufficient privilege>'
