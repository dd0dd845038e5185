-- The newest first.
SELECT id, role, other, state, started_at, ended_at
FROM holdfast_moves ORDER BY started_at DESC, id DESC
