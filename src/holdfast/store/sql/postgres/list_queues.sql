SELECT name, settings::text FROM holdfast.queues ORDER BY name
