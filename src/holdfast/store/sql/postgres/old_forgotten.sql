-- The mark keeps entries that vacuum can't remove yet from being walked over at every step.
SELECT id::text, (date_part('epoch', at) * 1e6::float8)::bigint FROM holdfast.forgotten
WHERE at < to_timestamp(:before::bigint / 1e6::float8) AND at >= to_timestamp(:mark::bigint / 1e6::float8)
ORDER BY at LIMIT :limit::int FOR UPDATE SKIP LOCKED
