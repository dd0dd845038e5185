-- Nothing is claimed, not even by a worker that is running. The text of an error can't be put together here.
CREATE TRIGGER IF NOT EXISTS holdfast_moved_leases BEFORE INSERT ON holdfast_leases BEGIN
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_moves WHERE role = 'from' AND state <> 'undone')
        THEN RAISE(ABORT, 'these jobs have been moved to another database')
        ELSE RAISE(ABORT, 'a move into this database has not ended') END;
END
