SELECT t.id::text, t.queue, t.key FROM holdfast.arrivals AS t
