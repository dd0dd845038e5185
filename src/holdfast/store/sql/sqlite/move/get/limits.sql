SELECT name, settings, override FROM holdfast_limits
