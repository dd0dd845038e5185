SELECT queue, task, (date_part('epoch', since) * 1e6::float8)::bigint FROM holdfast.unknown_tasks
