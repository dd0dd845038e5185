SELECT id FROM holdfast_jobs AS j WHERE id IN (SELECT value FROM json_each(:ids))
    AND NOT EXISTS (SELECT 1 FROM holdfast_finished AS f WHERE f.id = j.id)
