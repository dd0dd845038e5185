SELECT (date_part('epoch', due) * 1e6::float8)::bigint FROM holdfast.turns WHERE id IS NULL AND due IS NOT NULL
ORDER BY due LIMIT 1
