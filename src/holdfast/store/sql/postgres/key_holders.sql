-- Whose some keys are, and whether their time is over. Nothing is locked: whoever ends a job must never wait for a
-- caller's transaction to remove its key.
SELECT k.key, k.id::text, coalesce(k.until <= :now, false) FROM unnest(:keys::text[]) AS x (key)
CROSS JOIN LATERAL (SELECT key, id, until FROM holdfast.unique_keys u WHERE u.key = x.key LIMIT 1) AS k
