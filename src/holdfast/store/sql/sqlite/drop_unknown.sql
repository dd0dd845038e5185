DELETE FROM holdfast_unknown_tasks WHERE queue = :queue AND task = :task
