-- A claim that is under way is waited for. One that has read this row passes it over: what is put in its place is
-- another row, which that claim doesn't see.
DELETE FROM holdfast.blocked WHERE id = :id::uuid
RETURNING queue, key, lane, (date_part('epoch', first_due) * 1e6::float8)::bigint, task, run, attempt, crashes
