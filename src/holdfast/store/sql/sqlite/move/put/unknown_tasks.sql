INSERT INTO holdfast_unknown_tasks (queue, task, since)
VALUES (:queue, :task, :since)
ON CONFLICT (queue, task) DO UPDATE SET since = excluded.since
