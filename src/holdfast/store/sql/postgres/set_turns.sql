-- The turns are locked and there. By way of a conflict, since that finds each by its key under any plan.
INSERT INTO holdfast.turns (queue, key, id, due)
SELECT u.queue, u.key, u.id, to_timestamp(u.due / 1e6::float8)
FROM unnest(:queue::text[], :key::text[], :id::uuid[], :due::bigint[]) AS u (queue, key, id, due)
ON CONFLICT (queue, key) DO UPDATE SET id = excluded.id, due = excluded.due
