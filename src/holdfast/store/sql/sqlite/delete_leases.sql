DELETE FROM holdfast_leases WHERE id IN (SELECT value FROM json_each(:leases))
