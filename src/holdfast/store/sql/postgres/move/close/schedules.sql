-- Nothing is put, changed or fired any more.
CREATE OR REPLACE TRIGGER moved BEFORE INSERT OR UPDATE OR DELETE ON holdfast.schedules EXECUTE FUNCTION holdfast.refuse_moved()
