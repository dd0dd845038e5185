-- Nothing is put any more; what would fire is refused its job. The text of an error can't be put together here.
CREATE TRIGGER IF NOT EXISTS holdfast_moved_schedules BEFORE INSERT ON holdfast_schedules BEGIN
    SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_moves WHERE role = 'from' AND state <> 'undone')
        THEN RAISE(ABORT, 'these jobs have been moved to another database')
        ELSE RAISE(ABORT, 'a move into this database has not ended') END;
END
