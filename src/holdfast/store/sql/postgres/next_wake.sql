-- When a slot that lines wait for will have room, or at once where there are notes to see to.
SELECT CASE WHEN EXISTS (SELECT FROM holdfast.notes WHERE id > '00000000-0000-0000-0000-000000000000') THEN 0 ELSE (
    SELECT (date_part('epoch', wake_at) * 1e6::float8)::bigint FROM holdfast.slots WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1) END
