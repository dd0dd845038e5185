SELECT f.job::text FROM json_array_elements(:fires::json) AS k (value)
CROSS JOIN LATERAL (
    SELECT job FROM holdfast.schedule_fires s
    WHERE s.schedule = k.value ->> 0
        AND s.at = to_timestamp((k.value ->> 1)::bigint / 1e6::float8) LIMIT 1) AS f
WHERE f.job IS NOT NULL
