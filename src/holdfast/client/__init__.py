"""What applications hold: tasks, enqueues, jobs, results. It knows neither the worker nor the app."""
