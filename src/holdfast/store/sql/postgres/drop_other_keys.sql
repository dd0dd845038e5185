-- Jobs of a FIFO queue that wait for the turn of a key of their own.
DELETE FROM holdfast.blocked WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.blocked WHERE queue = :queue::text AND key > '' ORDER BY queue, key
    LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING key, (date_part('epoch', first_due) * 1e6::float8)::bigint, id::text, lane, task, run, attempt, crashes
