DELETE FROM holdfast.schedules WHERE name = :name::text
