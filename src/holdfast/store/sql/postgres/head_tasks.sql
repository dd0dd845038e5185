-- Jobs of unknown tasks gather at the head of their lane, since the others are claimed past them: the first due
-- rows show them.
SELECT DISTINCT task FROM (
    SELECT task FROM holdfast.pending
    WHERE queue = :queue::text AND lane = :lane::smallint AND run_at <= :now ORDER BY run_at, id LIMIT :limit::int) AS head
