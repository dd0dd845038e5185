DELETE FROM holdfast.schedule_fires WHERE schedule = :schedule::text
