DELETE FROM holdfast_schedule_fires WHERE schedule = :schedule
