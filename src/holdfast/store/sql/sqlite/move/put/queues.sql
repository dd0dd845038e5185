INSERT INTO holdfast_queues (name, settings)
VALUES (:name, :settings)
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings
