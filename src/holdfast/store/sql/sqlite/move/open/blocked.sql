DROP TRIGGER IF EXISTS holdfast_moved_blocked
