-- How many other lines of a lane may go on.
SELECT count(*) FROM (
    SELECT FROM holdfast.lines WHERE queue = :queue::text AND lane = :lane::smallint AND due <= :now AND key <> :key::text
    ORDER BY due LIMIT :limit::int) AS due
