-- A claim that is under way is waited for. One that has read this row passes it over: what is put in its place is
-- another row, which that claim doesn't see.
DELETE FROM holdfast.pending WHERE id = :id::uuid
RETURNING queue, NULL, lane, (date_part('epoch', run_at) * 1e6::float8)::bigint, task, run, attempt, crashes
