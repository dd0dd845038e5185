-- When a slot that lines wait for will have room.
SELECT (date_part('epoch', wake_at) * 1e6::float8)::bigint FROM holdfast.slots WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1
