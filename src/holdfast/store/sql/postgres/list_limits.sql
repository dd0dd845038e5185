SELECT name, settings::text, override::text FROM holdfast.limits ORDER BY name
