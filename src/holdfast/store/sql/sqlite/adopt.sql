-- Jobs of a FIFO queue that were enqueued by a program which didn't know that it is one.
UPDATE holdfast_jobs SET line = '' WHERE id IN (SELECT value FROM json_each(:ids))
