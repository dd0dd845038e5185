DELETE FROM holdfast.job_errors WHERE ctid = ANY (ARRAY(
    SELECT e.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.job_errors WHERE job_errors.id = x.id ORDER BY run LIMIT 1000) AS e))
