-- Jobs of unknown tasks gather at the head of their lane, since the others are claimed past them: the first due
-- rows show them.
SELECT DISTINCT task FROM (
    SELECT task FROM holdfast_pending
    WHERE queue = :queue AND lane = :lane AND run_at <= :now ORDER BY run_at, id LIMIT :limit)
