DELETE FROM holdfast.unknown_tasks t USING unnest(:queue::text[], :task::text[]) AS u (queue, task)
WHERE t.queue = u.queue AND t.task = u.task
