-- One statement: pick, take out of pending, and write the lease. `take` and `lease` have nothing left to do.
-- The lanes are visited one by one in the order given, each from its mark, so that neither jobs that are not due nor
-- entries that vacuum can't remove yet are walked over. Rows are named by ctid: no plan can make that a scan. Rows
-- that another claim holds are skipped. What is paused is left out here and nowhere else, so that a pause holds from
-- its commit on: by a function, whose plans are kept, since to plan one more table would cost each claim 100 µs.
WITH unpaused AS MATERIALIZED (
    SELECT lanes, tasks FROM holdfast.unpaused(:lanes::json, :tasks::text[])
), lanes AS MATERIALIZED (
    SELECT l.value ->> 0 AS queue, (l.value ->> 1)::smallint AS lane,
           to_timestamp((l.value ->> 2)::bigint / 1e6::float8) AS mark, (l.value ->> 3)::uuid AS mark_id, l.n
    FROM json_array_elements((SELECT lanes FROM unpaused)) WITH ORDINALITY AS l (value, n)
), picked AS MATERIALIZED (
    SELECT p.at FROM (SELECT * FROM lanes ORDER BY n) AS l
    CROSS JOIN LATERAL (
        SELECT p.ctid AS at FROM holdfast.pending p
        WHERE p.queue = l.queue AND p.lane = l.lane AND (p.run_at, p.id) > (l.mark, l.mark_id) AND p.run_at <= :now
          AND p.task = ANY ((SELECT tasks FROM unpaused)::text[])
        ORDER BY p.run_at, p.id LIMIT :limit::int FOR UPDATE SKIP LOCKED) AS p
    LIMIT :limit::int
), taken AS (
    DELETE FROM holdfast.pending WHERE ctid = ANY (ARRAY(SELECT at FROM picked))
    RETURNING id, lane, run_at, run + 1 AS run, attempt + 1 AS attempt, crashes
), leased AS (
    INSERT INTO holdfast.leases (id, worker, ids, runs, attempts, crashes, created_at)
    SELECT :lease::uuid, :worker::uuid, array_agg(id), array_agg(run), array_agg(attempt), array_agg(crashes), :now
    FROM taken HAVING count(*) > 0
)
SELECT j.id::text, j.task, j.queue, j.priority, j.args::text, j.meta::text, j.overrides::text,
       t.run, t.attempt, t.crashes, (date_part('epoch', t.run_at) * 1e6::float8)::bigint, (date_part('epoch', j.created_at) * 1e6::float8)::bigint, j.line, j.unique_key, j.limits, t.lane
FROM taken t CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = t.id LIMIT 1) AS j
