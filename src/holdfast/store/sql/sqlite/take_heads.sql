-- Those whose turn it is, as far as they still need what was found. `take_out` takes them out.
SELECT j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides,
       b.run + 1, b.attempt + 1, b.crashes, b.first_due, j.created_at, j.line, j.unique_key, j.limits, b.lane, b.key
FROM json_each(:heads) AS x
CROSS JOIN holdfast_blocked AS b ON b.id = x.value ->> 0
CROSS JOIN holdfast_jobs AS j ON j.id = b.id AND j.limits IS x.value ->> 1
