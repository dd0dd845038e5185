INSERT INTO holdfast.forgotten (id, run, state, at)
SELECT u.id, u.run, u.state, :now FROM unnest(:id::uuid[], :run::int[], :state::text[]) AS u (id, run, state)
ON CONFLICT (id) DO UPDATE SET run = excluded.run, state = excluded.state, at = excluded.at
