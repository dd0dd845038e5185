-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.expiries (id, at)
SELECT u.id, timestamptz 'epoch' + (u.at / 3600000000) * interval '1 hour' + (u.at % 3600000000) * interval '1 microsecond'
FROM unnest(:id::uuid[], :at::bigint[]) AS u (id, at)
ON CONFLICT DO NOTHING
