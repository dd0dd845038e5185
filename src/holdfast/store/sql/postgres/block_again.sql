-- A retry by hand of a job that stands in a line: it stands behind those that are due already.
INSERT INTO holdfast.blocked (queue, key, first_due, id, lane, task, run)
SELECT queue, line, :now, id, priority, task, :run::int FROM holdfast.jobs WHERE id = :id::uuid AND line IS NOT NULL
RETURNING queue, key, lane, (SELECT unique_key FROM holdfast.jobs j WHERE j.id = :id::uuid)
