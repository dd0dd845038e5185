SELECT v.id::text, v.task, v.queue, v.priority, v.args::text, v.meta::text, v.overrides::text, (date_part('epoch', v.created_at) * 1e6::float8)::bigint,
       v.state, v.reason, v.run, v.attempt, v.crashes, (date_part('epoch', v.run_at) * 1e6::float8)::bigint, (date_part('epoch', v.started_at) * 1e6::float8)::bigint, (date_part('epoch', v.finished_at) * 1e6::float8)::bigint,
       v.worker::text, v.result::text, v.progress, v.progress_message, v.progress_run, v.ordering_key, v.origin::text
FROM unnest(:ids::uuid[]) AS x (id)
CROSS JOIN LATERAL (SELECT * FROM holdfast.job_view WHERE job_view.id = x.id LIMIT 1) AS v
ORDER BY v.id DESC
