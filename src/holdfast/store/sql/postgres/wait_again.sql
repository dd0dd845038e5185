-- A retry by hand: attempts and crashes start over, the run number goes on.
INSERT INTO holdfast.pending (queue, lane, run_at, id, task, run)
SELECT queue, priority, :now, id, task, :run::int FROM holdfast.jobs WHERE id = :id::uuid AND line IS NULL
RETURNING queue, lane, (SELECT unique_key FROM holdfast.jobs j WHERE j.id = :id::uuid)
