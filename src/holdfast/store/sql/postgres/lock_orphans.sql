-- Leases whose worker is not known alive. SKIP LOCKED: another rescuer, or a settlement that is just coming in, has
-- them in hand.
SELECT l.id::text, l.worker::text FROM holdfast.leases l
WHERE NOT EXISTS (SELECT FROM holdfast.workers w WHERE w.id = l.worker)
ORDER BY l.id LIMIT :limit::int FOR UPDATE OF l SKIP LOCKED
