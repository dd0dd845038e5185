-- Free turns whose next job is due.
SELECT queue, key FROM holdfast_turns WHERE id IS NULL AND due <= :now ORDER BY due LIMIT :limit
