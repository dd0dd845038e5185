-- Free turns without a job that waits.
DELETE FROM holdfast_turns WHERE (queue, key) IN (
    SELECT queue, key FROM holdfast_turns WHERE id IS NULL AND due IS NULL LIMIT :limit)
RETURNING queue
