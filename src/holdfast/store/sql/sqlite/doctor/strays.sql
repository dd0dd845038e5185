-- Rows that belong to no job, among the newest and the oldest of each table.
SELECT 'pending', r.id FROM (SELECT * FROM (SELECT id FROM holdfast_pending ORDER BY id DESC LIMIT :half) UNION SELECT * FROM (SELECT id FROM holdfast_pending ORDER BY id LIMIT :half)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'blocked', r.id FROM (SELECT * FROM (SELECT id FROM holdfast_blocked ORDER BY id DESC LIMIT :half) UNION SELECT * FROM (SELECT id FROM holdfast_blocked ORDER BY id LIMIT :half)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'finished', r.id FROM (SELECT * FROM (SELECT id FROM holdfast_finished ORDER BY id DESC LIMIT :half) UNION SELECT * FROM (SELECT id FROM holdfast_finished ORDER BY id LIMIT :half)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'job_errors', r.id FROM (SELECT * FROM (SELECT id FROM holdfast_job_errors ORDER BY id DESC LIMIT :half) UNION SELECT * FROM (SELECT id FROM holdfast_job_errors ORDER BY id LIMIT :half)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = r.id)
UNION ALL
SELECT 'job_progress', r.id FROM (SELECT * FROM (SELECT id FROM holdfast_job_progress ORDER BY id DESC LIMIT :half) UNION SELECT * FROM (SELECT id FROM holdfast_job_progress ORDER BY id LIMIT :half)) AS r
WHERE NOT EXISTS (SELECT 1 FROM holdfast_jobs AS j WHERE j.id = r.id)
LIMIT 20
