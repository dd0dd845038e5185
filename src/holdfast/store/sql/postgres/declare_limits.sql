INSERT INTO holdfast.limits (name, settings) SELECT u.name, u.settings::json
FROM unnest(:name::text[], :settings::text[]) AS u (name, settings) ORDER BY u.name
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings
