-- Rows that belong to no job, among the newest and the oldest of each table.
SELECT 'pending', r.id::text FROM ((SELECT id FROM holdfast.pending ORDER BY id DESC LIMIT :half::int) UNION (SELECT id FROM holdfast.pending ORDER BY id LIMIT :half::int)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'blocked', r.id::text FROM ((SELECT id FROM holdfast.blocked ORDER BY id DESC LIMIT :half::int) UNION (SELECT id FROM holdfast.blocked ORDER BY id LIMIT :half::int)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'finished', r.id::text FROM ((SELECT id FROM holdfast.finished ORDER BY id DESC LIMIT :half::int) UNION (SELECT id FROM holdfast.finished ORDER BY id LIMIT :half::int)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'job_errors', r.id::text FROM ((SELECT id FROM holdfast.job_errors ORDER BY id DESC LIMIT :half::int) UNION (SELECT id FROM holdfast.job_errors ORDER BY id LIMIT :half::int)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'job_progress', r.id::text FROM ((SELECT id FROM holdfast.job_progress ORDER BY id DESC LIMIT :half::int) UNION (SELECT id FROM holdfast.job_progress ORDER BY id LIMIT :half::int)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast.jobs AS j WHERE j.id = r.id)
LIMIT 20
