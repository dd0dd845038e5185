-- No worker stores settings on its way up. An upsert counts as an insert here.
CREATE OR REPLACE TRIGGER moved BEFORE INSERT ON holdfast.limits EXECUTE FUNCTION holdfast.refuse_moved()
