-- Where a job waits, if it does, and it stays there until the end of this transaction. Claims pass it over.
SELECT * FROM (SELECT queue, lane, (date_part('epoch', run_at) * 1e6::float8)::bigint, task, run, attempt, crashes, 0
               FROM holdfast.pending WHERE id = :id::uuid FOR UPDATE) AS p
UNION ALL
SELECT * FROM (SELECT queue, lane, (date_part('epoch', first_due) * 1e6::float8)::bigint, task, run, attempt, crashes, 1
               FROM holdfast.blocked WHERE id = :id::uuid FOR UPDATE) AS b
