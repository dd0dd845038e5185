INSERT INTO holdfast.limits (name, settings, override)
SELECT u.name, u.settings::json, u.override::json
FROM unnest(:name::text[], :settings::text[], :override::text[]) AS u (name, settings, override) ORDER BY 1
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings, override = excluded.override
