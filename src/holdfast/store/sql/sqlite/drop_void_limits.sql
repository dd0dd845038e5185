DELETE FROM holdfast_limits
WHERE name IN (SELECT value FROM json_each(:names)) AND settings IS NULL AND override IS NULL
