-- What the planner believes of tables that have just been filled.
ANALYZE holdfast.jobs, holdfast.pending, holdfast.blocked, holdfast.finished, holdfast.job_errors, holdfast.job_progress
