INSERT INTO holdfast_unknown_tasks (queue, task, since) VALUES (:queue, :task, :now) ON CONFLICT DO NOTHING
