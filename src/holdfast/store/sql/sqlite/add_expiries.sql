INSERT INTO holdfast_expiries (id, at)
VALUES (:id, coalesce(:at, (SELECT run_at FROM holdfast_jobs WHERE id = :id) + :after))
