DELETE FROM holdfast.leases WHERE ctid = ANY (ARRAY(
    SELECT l.at FROM unnest(:leases::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.leases WHERE leases.id = x.id LIMIT 1) AS l))
