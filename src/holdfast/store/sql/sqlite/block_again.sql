-- A retry by hand of a job that stands in a line: it stands behind those that are due already.
INSERT INTO holdfast_blocked (queue, key, first_due, id, lane, task, run)
SELECT queue, line, :now, id, priority, task, :run FROM holdfast_jobs WHERE id = :id AND line IS NOT NULL
RETURNING queue, key, lane, (SELECT unique_key FROM holdfast_jobs j WHERE j.id = :id)
