DELETE FROM holdfast.job_progress WHERE ctid = ANY (ARRAY(
    SELECT r.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.job_progress WHERE job_progress.id = x.id LIMIT 1) AS r))
