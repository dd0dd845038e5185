INSERT INTO holdfast_pauses (kind, name, who, reason, since)
VALUES (:kind, :name, :who, :reason, :since)
ON CONFLICT (kind, name) DO UPDATE SET since = excluded.since
