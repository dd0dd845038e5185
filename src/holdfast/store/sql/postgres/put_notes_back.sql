-- Somebody else has the lines that these are of in hand.
INSERT INTO holdfast.notes (id, run, queue, key, lane, limits)
SELECT u.id, u.run, u.queue, u.key, u.lane, u.limits
FROM unnest(:id::uuid[], :run::int[], :queue::text[], :key::text[], :lane::smallint[], :limits::text[])
     AS u (id, run, queue, key, lane, limits)
