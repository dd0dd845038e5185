-- What retention and order go by.
SELECT id, task, queue, priority, line, unique_key, limits FROM holdfast_jobs WHERE id IN (SELECT value FROM json_each(:ids))
