DELETE FROM holdfast.unique_keys WHERE ctid = ANY (ARRAY(
    SELECT k.at FROM unnest(:key::text[]) AS x (key)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.unique_keys u WHERE u.key = x.key AND u.until <= :now LIMIT 1 FOR UPDATE) AS k))
