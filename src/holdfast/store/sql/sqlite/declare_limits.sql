INSERT INTO holdfast_limits (name, settings) VALUES (:name, :settings)
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings
