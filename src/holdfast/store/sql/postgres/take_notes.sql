DELETE FROM holdfast.notes WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.notes WHERE number > :after::bigint ORDER BY number LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING number, id::text, run, queue, key, lane, limits
