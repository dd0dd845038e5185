-- Free turns without a job that waits. One that arrives meanwhile finds the turn gone, and looks again.
DELETE FROM holdfast.turns WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.turns WHERE id IS NULL AND due IS NULL LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING queue
