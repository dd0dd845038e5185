-- The writer's transaction holds the whole database already: nobody ends the move beside it.
SELECT state FROM holdfast_moves WHERE id = :id AND role = 'to'
