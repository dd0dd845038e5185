-- Nothing is claimed, not even by a worker that is running.
CREATE OR REPLACE TRIGGER moved BEFORE INSERT ON holdfast.leases EXECUTE FUNCTION holdfast.refuse_moved()
