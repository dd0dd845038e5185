-- Ids in growing order, each with about the bytes that are kept of the job.
SELECT j.id::text,
       octet_length(j.args::text)
       + coalesce((SELECT octet_length(f.result::text) FROM holdfast.finished AS f WHERE f.id = j.id), 0)
       + coalesce((SELECT sum(octet_length(e.traceback) + octet_length(e.message))::bigint
                   FROM holdfast.job_errors AS e WHERE e.id = j.id), 0)
FROM holdfast.jobs AS j WHERE :after::uuid IS NULL OR j.id > :after::uuid ORDER BY j.id LIMIT :limit::int
