-- The caller deletes from jobs only what this returned.
DELETE FROM holdfast_finished WHERE id IN (
    SELECT id FROM holdfast_finished WHERE expires_at <= :now AND expires_at >= :mark ORDER BY expires_at LIMIT :limit)
RETURNING id, expires_at
