-- No ON CONFLICT: a tick that has fired already must undo the whole transaction, jobs and all.
INSERT INTO holdfast_schedule_fires (schedule, at, job) VALUES (:schedule, :at, :job)
