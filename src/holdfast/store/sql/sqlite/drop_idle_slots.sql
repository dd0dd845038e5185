-- Slots that nobody uses or waits for; of a rate, those that are spaced out.
DELETE FROM holdfast_slots WHERE name IN (
    SELECT name FROM holdfast_slots WHERE used = 0 AND wake_at IS NULL AND waiting = 0 AND (next_free IS NULL OR next_free < :now)
    LIMIT :limit)
RETURNING name
