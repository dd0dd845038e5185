-- When a slot that lines wait for will have room, or at once where there are notes to see to.
SELECT CASE WHEN EXISTS (SELECT 1 FROM holdfast_notes WHERE id > '') THEN 0 ELSE (
    SELECT wake_at FROM holdfast_slots INDEXED BY holdfast_slots_wake WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1) END
