SELECT j.queue, f.state, count(*) FROM holdfast_finished f JOIN holdfast_jobs j ON j.id = f.id GROUP BY j.queue, f.state
