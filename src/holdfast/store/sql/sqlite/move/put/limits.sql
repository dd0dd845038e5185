INSERT INTO holdfast_limits (name, settings, override) VALUES (:name, :settings, :override)
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings, override = excluded.override
