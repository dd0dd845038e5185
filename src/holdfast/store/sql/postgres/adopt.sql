-- Jobs of a FIFO queue that were enqueued by a program which didn't know that it is one.
UPDATE holdfast.jobs SET line = '' WHERE ctid = ANY (ARRAY(
    SELECT j.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS j))
