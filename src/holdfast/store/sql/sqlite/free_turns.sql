-- For whoever is not to hold more locks than this: the turns are given by the next worker that looks. One that is free
-- already may have been kept for a job that goes now.
UPDATE holdfast_turns SET id = NULL, due = :now WHERE (queue, key) IN (
    SELECT j.queue, j.ordering_key FROM holdfast_jobs j WHERE j.id IN (SELECT value FROM json_each(:ids)))
  AND (id IS NULL OR id IN (SELECT value FROM json_each(:ids)))
RETURNING queue
