SELECT name, next_free FROM holdfast_slots WHERE next_free IS NOT NULL
