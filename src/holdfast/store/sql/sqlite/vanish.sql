-- Jobs of which nothing is kept. The row that is found is the proof that this end is the first.
DELETE FROM holdfast_jobs WHERE id IN (SELECT value FROM json_each(:ids)) RETURNING id
