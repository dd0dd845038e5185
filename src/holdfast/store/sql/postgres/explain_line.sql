-- How it stands with a line. The newest version is the first.
SELECT t.id::text, t.slot, t.ticket FROM holdfast.lines AS t
WHERE t.queue = :queue::text AND t.key = :key::text ORDER BY t.epoch DESC LIMIT 1
