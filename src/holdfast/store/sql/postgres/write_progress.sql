INSERT INTO holdfast.job_progress (id, run, percent, message, at)
VALUES (:id::uuid, :run::int, :percent::smallint, :message::text, :now)
ON CONFLICT (id) DO UPDATE SET run = excluded.run, percent = excluded.percent, message = excluded.message, at = excluded.at
