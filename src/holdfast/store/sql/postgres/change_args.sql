UPDATE holdfast.jobs j SET args = u.args::json
FROM unnest(:id::uuid[], :args::text[]) AS u (id, args) WHERE j.id = u.id
