-- When a slot that lines wait for will have room.
SELECT wake_at FROM holdfast_slots INDEXED BY holdfast_slots_wake WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1
