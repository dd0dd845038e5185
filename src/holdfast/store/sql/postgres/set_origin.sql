-- A loop over primary keys: the rows were inserted by this very transaction.
UPDATE holdfast.jobs AS j SET origin = (SELECT u.origin FROM unnest(:id::uuid[], :origin::uuid[]) AS u (id, origin) WHERE u.id = j.id LIMIT 1)
WHERE j.ctid = ANY (ARRAY(
    SELECT r.at FROM unnest(:id::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS r))
