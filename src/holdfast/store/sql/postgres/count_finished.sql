SELECT j.queue, f.state, count(*) FROM holdfast.finished f JOIN holdfast.jobs j ON j.id = f.id GROUP BY j.queue, f.state
