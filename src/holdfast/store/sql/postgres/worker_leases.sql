SELECT id::text FROM holdfast.leases WHERE worker = :worker::uuid ORDER BY id
