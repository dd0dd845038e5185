-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.unique_keys (key, id, until)
SELECT u.key, u.id,
       timestamptz 'epoch' + (u.until / 3600000000) * interval '1 hour' + (u.until % 3600000000) * interval '1 microsecond'
FROM unnest(:key::text[], :id::uuid[], :until::bigint[]) AS u (key, id, until) ORDER BY 1
ON CONFLICT (key) DO UPDATE SET id = excluded.id, until = excluded.until
