DELETE FROM holdfast.notes WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.notes WHERE id > :after::uuid ORDER BY id, run LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING id::text, run, queue, key, lane, limits
