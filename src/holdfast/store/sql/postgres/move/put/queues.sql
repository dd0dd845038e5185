INSERT INTO holdfast.queues (name, settings)
SELECT u.name, u.settings::json
FROM unnest(:name::text[], :settings::text[])
     AS u (name, settings) ORDER BY 1
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings
