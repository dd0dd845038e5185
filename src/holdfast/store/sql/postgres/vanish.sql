-- Jobs of which nothing is kept. The row that is found is the proof that this end is the first.
DELETE FROM holdfast.jobs WHERE ctid = ANY (ARRAY(
    SELECT r.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1 FOR UPDATE) AS r))
RETURNING id::text
