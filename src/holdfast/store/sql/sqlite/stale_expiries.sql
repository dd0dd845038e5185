SELECT value FROM json_each(:ids) AS x
WHERE NOT EXISTS (SELECT 1 FROM holdfast_jobs WHERE id = x.value) OR EXISTS (SELECT 1 FROM holdfast_finished WHERE id = x.value)
