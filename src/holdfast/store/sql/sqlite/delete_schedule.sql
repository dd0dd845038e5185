DELETE FROM holdfast_schedules WHERE name = :name
