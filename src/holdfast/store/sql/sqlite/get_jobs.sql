SELECT id, task, queue, priority, args, meta, overrides, created_at, state, reason, run, attempt, crashes,
       run_at, started_at, finished_at, worker, result, progress, progress_message, progress_run, ordering_key, origin
FROM holdfast_job_view WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id DESC
