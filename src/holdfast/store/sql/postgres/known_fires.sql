SELECT (extract(epoch FROM at) * 1000000)::bigint FROM holdfast.schedule_fires
WHERE schedule = :schedule::text
    AND at >= to_timestamp(:since::bigint / 1e6::float8)
