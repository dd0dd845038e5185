SELECT id, at FROM holdfast_forgotten WHERE at < :before AND at >= :mark ORDER BY at LIMIT :limit
