SELECT id, expires_at, finished_at FROM holdfast_finished
WHERE expires_at <= :now AND expires_at >= :mark ORDER BY expires_at LIMIT :limit
