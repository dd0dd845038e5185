DELETE FROM holdfast.arrivals WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.arrivals ORDER BY id LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING id::text, queue, key
