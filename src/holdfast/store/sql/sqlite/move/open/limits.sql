DROP TRIGGER IF EXISTS holdfast_moved_limits
