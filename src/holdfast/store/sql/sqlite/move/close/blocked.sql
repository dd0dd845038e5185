-- No job gets its turn, or is cancelled or deleted: each of these takes its row away. The text of an error can't be put together here.
CREATE TRIGGER IF NOT EXISTS holdfast_moved_blocked BEFORE DELETE ON holdfast_blocked BEGIN
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_moves WHERE role = 'from' AND state <> 'undone')
        THEN RAISE(ABORT, 'these jobs have been moved to another database')
        ELSE RAISE(ABORT, 'a move into this database has not ended') END;
END
