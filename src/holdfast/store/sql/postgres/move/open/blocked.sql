DROP TRIGGER IF EXISTS moved ON holdfast.blocked
