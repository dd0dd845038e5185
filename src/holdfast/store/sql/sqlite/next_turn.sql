SELECT due FROM holdfast_turns INDEXED BY holdfast_turns_free WHERE id IS NULL AND due IS NOT NULL ORDER BY due LIMIT 1
