SELECT name, settings, override FROM holdfast_limits ORDER BY name
