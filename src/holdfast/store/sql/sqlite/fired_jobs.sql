SELECT f.job FROM json_each(:fires) AS k
CROSS JOIN holdfast_schedule_fires AS f ON f.schedule = k.value ->> 0 AND f.at = k.value ->> 1
WHERE f.job IS NOT NULL
