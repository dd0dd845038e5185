-- Lines that may go on, those that have been due for longest first, each lane from where work may be left.
SELECT t.queue, t.key, t.epoch, t.lane, (date_part('epoch', t.due) * 1e6::float8)::bigint, t.id::text, t.run, t.slot, t.ticket, t.credit
FROM json_array_elements(:lanes::json) AS p (value)
CROSS JOIN LATERAL (
    SELECT * FROM holdfast.lines AS l
    WHERE l.queue = p.value ->> 0 AND l.lane = (p.value ->> 1)::smallint
      AND l.due > to_timestamp((p.value ->> 2)::bigint / 1e6::float8) AND l.due <= :now
    ORDER BY l.due LIMIT :limit::int FOR UPDATE SKIP LOCKED) AS t
LIMIT :limit::int
