-- Of some jobs those whose arguments are not kept.
SELECT id FROM holdfast_jobs WHERE id IN (SELECT value FROM json_each(:ids)) AND args = 'null'
