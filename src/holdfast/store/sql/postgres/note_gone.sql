-- For whoever is not to hold more locks than this. One that didn't run holds no slots; its turn only where it has it.
INSERT INTO holdfast.notes (id, run, queue, key, lane, limits)
SELECT j.id, u.run, j.queue, j.line, j.priority, CASE WHEN :ran::boolean THEN j.limits END
FROM unnest(:id::uuid[], :run::int[]) AS u (id, run)
CROSS JOIN LATERAL (SELECT * FROM holdfast.jobs WHERE jobs.id = u.id LIMIT 1) AS j
LEFT JOIN LATERAL (
    SELECT l.id FROM holdfast.lines AS l WHERE l.queue = j.queue AND l.key = j.line ORDER BY l.epoch DESC LIMIT 1) AS l ON true
WHERE j.line IS NOT NULL AND (:ran::boolean OR l.id = j.id)
