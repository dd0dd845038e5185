-- No waiting job is claimed, cancelled or deleted: each of these takes its row away.
CREATE OR REPLACE TRIGGER moved BEFORE DELETE ON holdfast.pending EXECUTE FUNCTION holdfast.refuse_moved()
