-- Jobs of a FIFO queue that wait in other lines.
DELETE FROM holdfast.blocked WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.blocked WHERE queue = :queue::text AND key > '' ORDER BY queue, key
    LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING (date_part('epoch', first_due) * 1e6::float8)::bigint, id::text, lane, task, run, attempt, crashes,
    (SELECT j.limits FROM holdfast.jobs AS j WHERE j.id = blocked.id)
