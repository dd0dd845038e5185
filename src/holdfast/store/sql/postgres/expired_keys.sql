-- The mark keeps entries that vacuum can't remove yet from being walked over at every step.
SELECT key, (date_part('epoch', until) * 1e6::float8)::bigint FROM holdfast.unique_keys
WHERE until <= :now AND until >= to_timestamp(:mark::bigint / 1e6::float8)
ORDER BY until LIMIT :limit::int FOR UPDATE SKIP LOCKED
