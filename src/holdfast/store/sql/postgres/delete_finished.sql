DELETE FROM holdfast.finished WHERE ctid = ANY (ARRAY(
    SELECT f.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.finished WHERE finished.id = x.id LIMIT 1) AS f))
