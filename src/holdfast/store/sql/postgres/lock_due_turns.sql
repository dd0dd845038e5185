-- Free turns whose next job is due.
SELECT queue, key FROM holdfast.turns WHERE id IS NULL AND due <= :now
ORDER BY due LIMIT :limit::int FOR UPDATE SKIP LOCKED
