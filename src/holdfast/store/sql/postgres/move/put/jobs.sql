-- By numeric and whole hours: floating point loses microseconds of times that are centuries away.
INSERT INTO holdfast.jobs (id, queue, task, priority, args, meta, overrides, run_at, created_at, line, limits, origin, unique_key)
SELECT u.id, u.queue, u.task, u.priority, u.args::json, u.meta::json, u.overrides::json,
       timestamptz 'epoch' + (u.run_at / 3600000000) * interval '1 hour' + (u.run_at % 3600000000) * interval '1 microsecond',
       timestamptz 'epoch' + (u.created_at / 3600000000) * interval '1 hour' + (u.created_at % 3600000000) * interval '1 microsecond',
       u.line, u.limits, u.origin, u.unique_key
FROM unnest(:id::uuid[], :queue::text[], :task::text[], :priority::smallint[], :args::text[], :meta::text[],
            :overrides::text[], :run_at::bigint[], :created_at::bigint[], :line::text[], :limits::text[], :origin::uuid[],
            :unique_key::text[])
     AS u (id, queue, task, priority, args, meta, overrides, run_at, created_at, line, limits, origin, unique_key)
ON CONFLICT DO NOTHING
