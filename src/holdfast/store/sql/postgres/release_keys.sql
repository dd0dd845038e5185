-- Only of the job that is named: the key may be another's by now. One that a window holds is nobody's to release.
DELETE FROM holdfast.unique_keys WHERE ctid = ANY (ARRAY(
    SELECT k.at FROM unnest(:key::text[], :id::uuid[]) AS x (key, id)
    CROSS JOIN LATERAL (
        SELECT ctid AS at FROM holdfast.unique_keys u
        WHERE u.key = x.key AND u.id = x.id AND u.until IS NULL LIMIT 1 FOR UPDATE) AS k))
