SELECT run, attempt, worker, at, type, message, traceback FROM holdfast_job_errors WHERE id = :id ORDER BY run
