INSERT INTO holdfast.leases (id, worker, ids, runs, attempts, crashes, created_at)
SELECT :lease::uuid, :worker::uuid, array_agg((j.value ->> 0)::uuid ORDER BY j.n), array_agg((j.value ->> 1)::int ORDER BY j.n),
       array_agg((j.value ->> 2)::int ORDER BY j.n), array_agg((j.value ->> 3)::int ORDER BY j.n), :now
FROM json_array_elements(:jobs::json) WITH ORDINALITY AS j (value, n)
