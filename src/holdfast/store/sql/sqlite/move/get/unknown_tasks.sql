SELECT queue, task, since FROM holdfast_unknown_tasks
