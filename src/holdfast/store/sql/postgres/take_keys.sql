-- In the order given, which is that of the keys, as every verb does: whoever adds several can't wait for another that
-- waits for it. It waits for the end of a transaction that has added one of them, or is about to remove it.
INSERT INTO holdfast.unique_keys (key, id, until)
SELECT u.key, u.id, :now + u.span * interval '1 microsecond'
FROM unnest(:key::text[], :id::uuid[], :span::bigint[]) AS u (key, id, span)
ON CONFLICT (key) DO NOTHING
