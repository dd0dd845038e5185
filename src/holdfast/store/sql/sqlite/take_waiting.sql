-- Some of what waits in one queue, in the order of its key; the mark keeps what was taken before from being looked at
-- again. No RETURNING of what to go on from: the rows are read first, and nobody else writes meanwhile.
SELECT lane, run_at, id FROM holdfast_pending
WHERE queue = :queue AND (lane, run_at, id) > (:lane, :run_at, :id)
ORDER BY lane, run_at, id LIMIT :limit
