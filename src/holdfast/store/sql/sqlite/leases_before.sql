SELECT l.id, e.value ->> 0 FROM holdfast_leases l CROSS JOIN json_each(l.jobs) AS e WHERE l.created_at <= :at ORDER BY l.id
