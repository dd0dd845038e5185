-- Lines without a job. One that comes meanwhile finds its line gone, and makes it anew.
DELETE FROM holdfast.lines WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.lines WHERE due IS NULL AND id IS NULL AND slot IS NULL LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING queue
