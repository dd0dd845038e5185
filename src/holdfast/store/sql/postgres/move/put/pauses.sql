-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.pauses (kind, name, who, reason, since)
SELECT u.kind, u.name, u.who, u.reason,
       timestamptz 'epoch' + (u.since / 3600000000) * interval '1 hour' + (u.since % 3600000000) * interval '1 microsecond'
FROM unnest(:kind::text[], :name::text[], :who::text[], :reason::text[], :since::bigint[])
     AS u (kind, name, who, reason, since) ORDER BY 1, 2
ON CONFLICT (kind, name) DO UPDATE SET since = excluded.since
