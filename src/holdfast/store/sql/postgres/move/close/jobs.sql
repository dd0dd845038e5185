-- Nothing new is enqueued.
CREATE OR REPLACE TRIGGER moved BEFORE INSERT ON holdfast.jobs EXECUTE FUNCTION holdfast.refuse_moved()
