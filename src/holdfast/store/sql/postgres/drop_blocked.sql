DELETE FROM holdfast.blocked WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.blocked WHERE queue = :queue::text LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING id::text, run
