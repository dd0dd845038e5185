SELECT kind, name, who, reason, (date_part('epoch', since) * 1e6::float8)::bigint FROM holdfast.pauses ORDER BY kind, name
