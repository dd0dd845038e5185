UPDATE holdfast_turns SET id = :id, due = :due WHERE queue = :queue AND key = :key
