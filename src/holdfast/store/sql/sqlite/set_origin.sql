UPDATE holdfast_jobs SET origin = :origin WHERE id = :id
