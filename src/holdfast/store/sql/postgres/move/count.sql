-- In the order of the tables that hold something of a job.
SELECT (SELECT count(*) FROM holdfast.jobs), (SELECT count(*) FROM holdfast.pending), (SELECT count(*) FROM holdfast.blocked), (SELECT count(*) FROM holdfast.finished), (SELECT count(*) FROM holdfast.job_errors), (SELECT count(*) FROM holdfast.job_progress), (SELECT count(*) FROM holdfast.expiries)
