-- The caller deletes from jobs only what this returned. The mark keeps entries that vacuum can't remove yet from being
-- walked over at every step.
DELETE FROM holdfast.finished WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.finished WHERE expires_at <= :now AND expires_at >= to_timestamp(:mark::bigint / 1e6::float8)
    ORDER BY expires_at LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING id::text, (date_part('epoch', expires_at) * 1e6::float8)::bigint
