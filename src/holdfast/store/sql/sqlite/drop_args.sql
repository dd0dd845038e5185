-- null, where arguments are always an object, says that they are not kept.
UPDATE holdfast_jobs SET args = 'null' WHERE id IN (SELECT value FROM json_each(:ids))
