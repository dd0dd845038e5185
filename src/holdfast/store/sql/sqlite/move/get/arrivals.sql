SELECT id, queue, key FROM holdfast_arrivals
