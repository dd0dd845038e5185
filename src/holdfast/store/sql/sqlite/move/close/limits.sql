-- No worker stores settings on its way up. An upsert counts as an insert here. The text of an error can't be put together here.
CREATE TRIGGER IF NOT EXISTS holdfast_moved_limits BEFORE INSERT ON holdfast_limits BEGIN
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_moves WHERE role = 'from' AND state <> 'undone')
        THEN RAISE(ABORT, 'these jobs have been moved to another database')
        ELSE RAISE(ABORT, 'a move into this database has not ended') END;
END
