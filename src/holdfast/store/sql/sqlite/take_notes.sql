DELETE FROM holdfast_notes WHERE (id, run) IN (
    SELECT id, run FROM holdfast_notes WHERE id > :after ORDER BY id, run LIMIT :limit)
RETURNING id, run, queue, key, lane, limits
