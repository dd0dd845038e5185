SELECT s.name, s.used, s.next_free FROM json_each(:names) AS n CROSS JOIN holdfast_slots AS s ON s.name = n.value
