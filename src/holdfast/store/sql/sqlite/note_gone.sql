-- One that didn't run holds no slots; its turn only where it has it.
INSERT INTO holdfast_notes (id, run, queue, key, lane, limits)
SELECT j.id, :run, j.queue, j.line, j.priority, CASE WHEN :ran THEN j.limits END FROM holdfast_jobs AS j
WHERE j.id = :id AND j.line IS NOT NULL AND (:ran OR EXISTS (
    SELECT 1 FROM holdfast_lines AS l WHERE l.queue = j.queue AND l.key = j.line AND l.id = j.id))
