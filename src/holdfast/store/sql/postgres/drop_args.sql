-- null, where arguments are always an object, says that they are not kept.
UPDATE holdfast.jobs SET args = 'null' WHERE ctid = ANY (ARRAY(
    SELECT r.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS r))
