-- No worker starts.
CREATE OR REPLACE TRIGGER moved BEFORE INSERT ON holdfast.workers EXECUTE FUNCTION holdfast.refuse_moved()
