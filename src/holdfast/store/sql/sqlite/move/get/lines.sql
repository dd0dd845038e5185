-- The turn is held by a job that waits for its retry.
SELECT l.queue, l.key, l.lane, b.first_due, l.id, l.run
FROM holdfast_lines AS l CROSS JOIN holdfast_blocked AS b ON b.id = l.id
