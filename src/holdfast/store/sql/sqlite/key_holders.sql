-- Whose some keys are, and whether their time is over.
SELECT key, id, coalesce(until <= :now, 0) FROM holdfast_unique_keys WHERE key IN (SELECT value FROM json_each(:keys))
