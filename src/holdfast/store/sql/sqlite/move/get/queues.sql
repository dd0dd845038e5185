SELECT name, settings FROM holdfast_queues
