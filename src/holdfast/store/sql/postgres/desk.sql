-- json: pauses limits slots
-- What a claim of lines has to know before it begins: the time, what is paused, the rules, whether there are notes, the
-- slots that lines wait for and that may have room now, and when the next will. None is locked yet: lines come first.
SELECT (date_part('epoch', :now) * 1e6::float8)::bigint AS now,
       (SELECT json_agg(json_build_array(p.kind, p.name, p.who, p.reason, 0) ORDER BY p.kind, p.name) FROM holdfast.pauses AS p)::text AS pauses,
       (SELECT json_agg(json_build_array(l.name, l.settings::text, l.override::text)) FROM holdfast.limits AS l)::text AS limits,
       EXISTS (SELECT FROM holdfast.notes WHERE number > :notes::bigint) AS notes,
       (SELECT json_agg(json_build_array(
            s.name, s.epoch, s.used, (date_part('epoch', s.next_free) * 1e6::float8)::bigint, (date_part('epoch', s.wake_at) * 1e6::float8)::bigint,
            s.waiting, s.tickets, s.served))
        FROM (SELECT * FROM holdfast.slots AS s WHERE s.wake_at > to_timestamp(:slots::bigint / 1e6::float8) AND s.wake_at <= :now
              ORDER BY s.wake_at LIMIT :limit::int) AS s)::text AS slots,
       (SELECT (date_part('epoch', s.wake_at) * 1e6::float8)::bigint FROM holdfast.slots AS s WHERE s.wake_at > :now ORDER BY s.wake_at LIMIT 1) AS next
