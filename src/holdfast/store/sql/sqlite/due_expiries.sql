SELECT at, id FROM holdfast_expiries WHERE (at, id) > (:at, :id) AND at <= :now ORDER BY at, id LIMIT :limit
