-- For whoever is not to hold more locks than this: the turns are given by the next worker that looks. One that is free
-- already may have been kept for a job that goes now.
UPDATE holdfast.turns SET id = NULL, due = :now WHERE ctid = ANY (ARRAY(
    SELECT t.at FROM unnest(:ids::uuid[]) AS x (id)
    CROSS JOIN LATERAL (SELECT id, queue, ordering_key FROM holdfast.jobs WHERE jobs.id = x.id LIMIT 1) AS j
    CROSS JOIN LATERAL (
        SELECT ctid AS at FROM holdfast.turns WHERE turns.queue = j.queue AND turns.key = j.ordering_key AND (turns.id = j.id OR turns.id IS NULL)
        LIMIT 1) AS t))
RETURNING queue
