SELECT key, until FROM holdfast_unique_keys
WHERE until <= :now AND until >= :mark ORDER BY until LIMIT :limit
