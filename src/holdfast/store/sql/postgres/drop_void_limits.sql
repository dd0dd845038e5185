-- The rows as they are by then: others may have set one at this moment.
DELETE FROM holdfast.limits WHERE name = ANY(:names::text[]) AND settings IS NULL AND override IS NULL
