SELECT name, settings FROM holdfast_queues ORDER BY name
