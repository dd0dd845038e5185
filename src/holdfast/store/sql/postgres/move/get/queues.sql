SELECT t.name, t.settings::text
FROM holdfast.queues AS t
