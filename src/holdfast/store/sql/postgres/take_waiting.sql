-- Some of what waits in one queue, in the order of its key; the mark keeps what was taken before from being looked at
-- again. A job that a claim has in hand is that claim's.
SELECT lane, (date_part('epoch', run_at) * 1e6::float8)::bigint, id::text FROM holdfast.pending
WHERE queue = :queue::text
  AND (lane, run_at, id) > (:lane::smallint, to_timestamp(:run_at::bigint / 1e6::float8), :id::uuid)
ORDER BY lane, run_at, id LIMIT :limit::int FOR UPDATE SKIP LOCKED
