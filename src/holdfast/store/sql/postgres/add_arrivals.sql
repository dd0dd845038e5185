INSERT INTO holdfast.arrivals (id, queue, key)
SELECT u.id, u.queue, u.key FROM unnest(:id::uuid[], :queue::text[], :key::text[]) AS u (id, queue, key)
ON CONFLICT DO NOTHING
