-- Jobs that were enqueued by a program which didn't know of the line that they are to stand in.
UPDATE holdfast_jobs SET line = :line, limits = :limits WHERE id = :id
