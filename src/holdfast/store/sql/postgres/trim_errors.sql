DELETE FROM holdfast.job_errors WHERE ctid = ANY (ARRAY(
    SELECT e.at FROM unnest(:id::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.job_errors e WHERE e.id = x.id ORDER BY e.run DESC OFFSET :keep::int) AS e))
