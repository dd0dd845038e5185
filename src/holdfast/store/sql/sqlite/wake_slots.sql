-- A rule has changed. Its slots, and those of its keys, are woken if lines wait for them; a rate's are ahead by no more
-- than if the whole of its new burst had just been used.
UPDATE holdfast_slots SET wake_at = CASE WHEN waiting THEN :now ELSE wake_at END,
    next_free = min(next_free, coalesce(:now + :most, next_free))
WHERE (name = :rule OR substr(name, 1, length(:rule) + 1) = :rule || '|') AND (waiting OR next_free IS NOT NULL)
