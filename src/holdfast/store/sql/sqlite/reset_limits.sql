UPDATE holdfast_limits SET override = NULL
WHERE name IN (SELECT value FROM json_each(:names)) AND override IS NOT NULL RETURNING name
