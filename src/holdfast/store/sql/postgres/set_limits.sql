INSERT INTO holdfast.limits (name, override) SELECT u.name, u.override::json
FROM unnest(:name::text[], :override::text[]) AS u (name, override) ORDER BY u.name
ON CONFLICT (name) DO UPDATE SET override = excluded.override
