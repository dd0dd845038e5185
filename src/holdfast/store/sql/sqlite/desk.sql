-- json: pauses limits slots
-- What a claim of lines has to know before it begins: the time, what is paused, the rules, whether there are notes, the
-- slots that lines wait for and that may have room now, and when the next will.
SELECT :now AS now,
       (SELECT json_group_array(json_array(paused.kind, paused.name, paused.who, paused.reason, 0)) FROM holdfast_pauses AS paused) AS pauses,
       (SELECT json_group_array(json_array(rule.name, rule.settings, rule.override)) FROM holdfast_limits AS rule) AS limits,
       EXISTS (SELECT 1 FROM holdfast_notes WHERE number > :notes) AS notes,
       (SELECT json_group_array(json_array(name, epoch, used, next_free, wake_at, waiting, tickets, served)) FROM (
            SELECT * FROM holdfast_slots INDEXED BY holdfast_slots_wake
            WHERE wake_at > :slots AND wake_at <= :now ORDER BY wake_at LIMIT :limit)) AS slots,
       (SELECT s.wake_at FROM holdfast_slots AS s INDEXED BY holdfast_slots_wake WHERE s.wake_at > :now ORDER BY s.wake_at LIMIT 1) AS next
