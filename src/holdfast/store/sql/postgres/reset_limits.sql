UPDATE holdfast.limits SET override = NULL WHERE name = ANY(:names::text[]) AND override IS NOT NULL
RETURNING name
