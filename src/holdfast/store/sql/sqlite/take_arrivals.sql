DELETE FROM holdfast_arrivals WHERE id IN (SELECT id FROM holdfast_arrivals WHERE id > '' ORDER BY id LIMIT :limit)
RETURNING id, queue, key
