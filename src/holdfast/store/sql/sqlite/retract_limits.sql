UPDATE holdfast_limits SET settings = NULL WHERE name IN (SELECT value FROM json_each(:names))
