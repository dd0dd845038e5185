INSERT INTO holdfast_limits (name, override) VALUES (:name, :override)
ON CONFLICT (name) DO UPDATE SET override = excluded.override
