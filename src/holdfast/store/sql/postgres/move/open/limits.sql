DROP TRIGGER IF EXISTS moved ON holdfast.limits
