-- No ended job is retried, deleted or cleaned away.
CREATE OR REPLACE TRIGGER moved BEFORE DELETE ON holdfast.finished EXECUTE FUNCTION holdfast.refuse_moved()
