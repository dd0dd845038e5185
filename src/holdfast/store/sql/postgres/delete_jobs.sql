-- Tells of those that hold a unique key, and of no others: nobody need read of them.
WITH gone AS (
    DELETE FROM holdfast.jobs WHERE ctid = ANY (ARRAY(
        SELECT r.at FROM unnest(:ids::uuid[]) AS x (id)
        CROSS JOIN LATERAL (SELECT ctid AS at FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS r))
    RETURNING id, unique_key
)
SELECT id::text, unique_key FROM gone WHERE unique_key IS NOT NULL
