-- No job gets its turn, or is cancelled or deleted: each of these takes its row away.
CREATE OR REPLACE TRIGGER moved BEFORE DELETE ON holdfast.blocked EXECUTE FUNCTION holdfast.refuse_moved()
