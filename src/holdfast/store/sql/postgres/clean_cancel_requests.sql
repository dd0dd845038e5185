DELETE FROM holdfast.cancel_requests WHERE at < to_timestamp(:before::bigint / 1e6::float8)
