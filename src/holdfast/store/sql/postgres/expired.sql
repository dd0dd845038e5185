-- The mark keeps entries that vacuum can't remove yet from being walked over at every step. Locked, not deleted: a
-- settlement that is sent again must not have to wait for this transaction while this one waits for its lease.
SELECT id::text, (date_part('epoch', expires_at) * 1e6::float8)::bigint,
       (date_part('epoch', finished_at) * 1e6::float8)::bigint
FROM holdfast.finished
WHERE expires_at <= :now AND expires_at >= to_timestamp(:mark::bigint / 1e6::float8)
ORDER BY expires_at LIMIT :limit::int FOR UPDATE SKIP LOCKED
