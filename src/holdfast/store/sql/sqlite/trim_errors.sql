DELETE FROM holdfast_job_errors WHERE id = :id AND run <= (
    SELECT e.run FROM holdfast_job_errors e WHERE e.id = :id ORDER BY e.run DESC LIMIT 1 OFFSET :keep)
