-- The newest first.
SELECT id::text, role, other, state, (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM ended_at) * 1000000)::bigint
FROM holdfast.moves ORDER BY started_at DESC, id DESC
