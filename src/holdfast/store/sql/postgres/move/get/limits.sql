SELECT t.name, t.settings::text, t.override::text FROM holdfast.limits AS t
