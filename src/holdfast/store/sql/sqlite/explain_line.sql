-- How it stands with a line.
SELECT t.id, t.slot, t.ticket FROM holdfast_lines AS t WHERE t.queue = :queue AND t.key = :key
