SELECT queue, key, id, due FROM holdfast_turns
