-- How many lines wait for a slot, and how many of them are called before one of this ticket.
SELECT (SELECT count(*) FROM (
           SELECT FROM holdfast.lines WHERE slot = :slot::text ORDER BY ticket LIMIT :limit::int) AS waiting),
       (SELECT count(*) FROM (
           SELECT FROM holdfast.lines WHERE slot = :slot::text AND ticket < :ticket::bigint ORDER BY ticket LIMIT :limit::int) AS ahead)
