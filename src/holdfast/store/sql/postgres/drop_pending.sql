DELETE FROM holdfast.pending WHERE ctid = ANY (ARRAY(
    SELECT p.at FROM unnest(:queue::text[], :lane::smallint[], :run_at::bigint[], :id::uuid[]) AS u (queue, lane, run_at, id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.pending p WHERE p.id = u.id LIMIT 1) AS p))
