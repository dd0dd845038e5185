SELECT id FROM holdfast_leases WHERE worker = :worker ORDER BY id
