INSERT INTO holdfast.notes (id, run, queue, key, lane)
SELECT u.id, 0, u.queue, u.key, u.lane FROM unnest(:id::uuid[], :queue::text[], :key::text[], :lane::smallint[]) AS u (id, queue, key, lane)
