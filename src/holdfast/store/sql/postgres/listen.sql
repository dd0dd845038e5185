-- A row is written again only when it has nearly run out: a worker may be idle many times a second.
INSERT INTO holdfast.audience (id, topic, until)
VALUES (:id::uuid, :topic::text, :now + :seconds::int * interval '1 second')
ON CONFLICT (id, topic) DO UPDATE SET until = excluded.until
