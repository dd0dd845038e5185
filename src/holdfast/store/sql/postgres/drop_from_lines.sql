-- A row that a caller's transaction is about to take away is left.
DELETE FROM holdfast.blocked WHERE ctid = ANY (ARRAY(
    SELECT b.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.blocked WHERE blocked.id = x.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS b))
