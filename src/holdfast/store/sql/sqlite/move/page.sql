-- Ids in growing order, each with about the bytes that are kept of the job.
SELECT j.id,
       length(j.args)
       + coalesce((SELECT length(f.result) FROM holdfast_finished AS f WHERE f.id = j.id), 0)
       + coalesce((SELECT sum(length(e.traceback) + length(e.message))
                   FROM holdfast_job_errors AS e WHERE e.id = j.id), 0)
FROM holdfast_jobs AS j WHERE j.id > coalesce(:after, '') ORDER BY j.id LIMIT :limit
