SELECT (SELECT count(*) FROM holdfast.workers), (SELECT count(*) FROM holdfast.leases)
