-- A retry by hand: attempts and crashes start over, the run number goes on.
INSERT INTO holdfast_pending (queue, lane, run_at, id, task, run)
SELECT queue, priority, :now, id, task, :run FROM holdfast_jobs WHERE id = :id AND line IS NULL
RETURNING queue, lane, (SELECT unique_key FROM holdfast_jobs j WHERE j.id = :id)
