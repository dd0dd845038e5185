-- In the order of the tables that hold something of a job.
SELECT (SELECT count(*) FROM holdfast_jobs), (SELECT count(*) FROM holdfast_pending), (SELECT count(*) FROM holdfast_blocked), (SELECT count(*) FROM holdfast_finished), (SELECT count(*) FROM holdfast_job_errors), (SELECT count(*) FROM holdfast_job_progress), (SELECT count(*) FROM holdfast_expiries)
