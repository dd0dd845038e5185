-- Jobs that were enqueued by a program which didn't know of the line that they are to stand in.
UPDATE holdfast.jobs SET line = u.line, limits = u.limits
FROM unnest(:id::uuid[], :line::text[], :limits::text[]) AS u (id, line, limits)
WHERE jobs.ctid = (SELECT ctid FROM holdfast.jobs AS j WHERE j.id = u.id LIMIT 1)
