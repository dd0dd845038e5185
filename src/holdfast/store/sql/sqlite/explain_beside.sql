-- How many other lines of a lane may go on.
SELECT count(*) FROM (
    SELECT 1 FROM holdfast_lines INDEXED BY holdfast_lines_due WHERE queue = :queue AND lane = :lane AND due <= :now AND key <> :key LIMIT :limit)
