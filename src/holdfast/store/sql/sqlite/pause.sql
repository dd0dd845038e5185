INSERT INTO holdfast_pauses (kind, name, who, reason, since) VALUES (:kind, :name, :who, :reason, :now)
ON CONFLICT DO NOTHING RETURNING name
