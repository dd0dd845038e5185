"""`holdfast demo`: fingerprint and compress every file of a folder, as real jobs on an embedded queue.

The workload uses what any application would: an app, tasks with typed arguments, `enqueue_many`, a worker. Read
`tasks.py` first. What surrounds it, from the command to the table at the end:

`tree` finds the files, `names` writes their names as JSON can hold them, `place` keeps the output folder (one demo
at a time, what an earlier one left), `workload` enqueues and runs the jobs, `check` proves the outputs,
`report` reads the figures from the finished jobs, `show` is the screen, `command` puts them in order.
"""
