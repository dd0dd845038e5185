DELETE FROM holdfast_pending WHERE queue = :queue AND lane = :lane AND run_at = :run_at AND id = :id
