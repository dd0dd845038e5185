UPDATE holdfast.limits SET settings = NULL WHERE name = ANY(:names::text[])
