-- Slots that nobody uses or waits for; of a rate, those that are spaced out.
DELETE FROM holdfast.slots WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.slots WHERE used = 0 AND wake_at IS NULL AND NOT waiting AND (next_free IS NULL OR next_free < :now)
    LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING name
