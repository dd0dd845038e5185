DELETE FROM holdfast.forgotten WHERE ctid = ANY (ARRAY(
    SELECT r.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.forgotten WHERE forgotten.id = x.id LIMIT 1) AS r))
