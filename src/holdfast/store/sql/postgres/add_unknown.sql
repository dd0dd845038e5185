INSERT INTO holdfast.unknown_tasks (queue, task, since)
SELECT u.queue, u.task, :now FROM unnest(:queue::text[], :task::text[]) AS u (queue, task) ORDER BY 1, 2 ON CONFLICT DO NOTHING
