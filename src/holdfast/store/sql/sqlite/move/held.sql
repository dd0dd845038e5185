SELECT (SELECT count(*) FROM holdfast_workers), (SELECT count(*) FROM holdfast_leases)
