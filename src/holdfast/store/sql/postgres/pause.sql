INSERT INTO holdfast.pauses (kind, name, who, reason, since)
VALUES (:kind::text, :name::text, :who::text, :reason::text, :now)
ON CONFLICT DO NOTHING RETURNING name
