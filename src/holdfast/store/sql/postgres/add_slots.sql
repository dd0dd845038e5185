INSERT INTO holdfast.slots (name)
SELECT u.name FROM unnest(:name::text[]) AS u (name)
WHERE NOT EXISTS (SELECT FROM holdfast.slots AS s WHERE s.name = u.name)
ON CONFLICT DO NOTHING
