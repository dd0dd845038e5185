UPDATE holdfast.leases l
SET released = l.released || ARRAY(SELECT u.id FROM unnest(:lease::uuid[], :id::uuid[]) AS u (lease, id) WHERE u.lease = l.id)
WHERE l.ctid = ANY (ARRAY(
    SELECT f.at FROM (SELECT DISTINCT unnest(:lease::uuid[])) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.leases WHERE leases.id = x.id LIMIT 1) AS f))
