DELETE FROM holdfast_notes WHERE number IN (
    SELECT number FROM holdfast_notes WHERE number > :after ORDER BY number LIMIT :limit)
RETURNING number, id, run, queue, key, lane, limits
