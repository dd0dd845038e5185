DELETE FROM holdfast_lines WHERE (queue, key) IN (
    SELECT queue, key FROM holdfast_lines WHERE due IS NULL AND id IS NULL AND slot IS NULL LIMIT :limit)
RETURNING queue
