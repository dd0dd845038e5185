SELECT at FROM holdfast_schedule_fires WHERE schedule = :schedule AND at >= :since
