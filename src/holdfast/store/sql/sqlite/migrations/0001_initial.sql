-- Where a job is found is its state: finished, else pending, else blocked, else a lease that owns it (running).
-- Ids are canonical UUID text, times microseconds since 1970 in UTC, lists and objects JSON text.
-- WITHOUT ROWID throughout: every table is looked up by its key alone, so a second tree would only cost.

CREATE TABLE holdfast_jobs (
    id          TEXT PRIMARY KEY,
    queue       TEXT NOT NULL,
    task        TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    args        TEXT NOT NULL,
    meta        TEXT,
    overrides   TEXT,
    run_at      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) WITHOUT ROWID;

-- The claim reads nothing else until it knows which jobs it takes. The lane is the priority, or far below all
-- priorities for a suspect of crashing its worker.
CREATE TABLE holdfast_pending (
    queue    TEXT NOT NULL,
    lane     INTEGER NOT NULL,
    run_at   INTEGER NOT NULL,
    id       TEXT NOT NULL,
    task     TEXT NOT NULL,
    run      INTEGER NOT NULL DEFAULT 0,
    attempt  INTEGER NOT NULL DEFAULT 0,
    crashes  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, lane, run_at, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX holdfast_pending_id ON holdfast_pending (id);

-- One row for each claimed batch. jobs is [[id, run, attempt, crashes], …] as they are during the run;
-- released holds the ids that the lease no longer owns.
CREATE TABLE holdfast_leases (
    id          TEXT PRIMARY KEY,
    worker      TEXT NOT NULL,
    jobs        TEXT NOT NULL,
    released    TEXT NOT NULL DEFAULT '[]',
    created_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE holdfast_finished (
    id           TEXT PRIMARY KEY,
    state        TEXT NOT NULL CHECK (state IN ('succeeded', 'failed', 'cancelled')),
    reason       TEXT,
    run          INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    crashes      INTEGER NOT NULL,
    worker       TEXT,
    result       TEXT,
    started_at   INTEGER,
    finished_at  INTEGER NOT NULL,
    expires_at   INTEGER
) WITHOUT ROWID;
CREATE INDEX holdfast_finished_expires ON holdfast_finished (expires_at) WHERE expires_at IS NOT NULL;
-- Most jobs succeed; the others are what people look for.
CREATE INDEX holdfast_finished_other ON holdfast_finished (state, id) WHERE state <> 'succeeded';

CREATE TABLE holdfast_job_errors (
    id         TEXT NOT NULL,
    run        INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    worker     TEXT,
    at         INTEGER NOT NULL,
    type       TEXT NOT NULL,
    message    TEXT NOT NULL,
    traceback  TEXT NOT NULL,
    PRIMARY KEY (id, run)
) WITHOUT ROWID;

CREATE TABLE holdfast_job_progress (
    id       TEXT PRIMARY KEY,
    run      INTEGER NOT NULL,
    percent  INTEGER NOT NULL,
    message  TEXT,
    at       INTEGER NOT NULL
) WITHOUT ROWID;

-- A request names the run that it is for, so that a late one can't cancel a later run.
CREATE TABLE holdfast_cancel_requests (
    id   TEXT NOT NULL,
    run  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (id, run)
) WITHOUT ROWID;

CREATE TABLE holdfast_queues (
    name      TEXT PRIMARY KEY,
    settings  TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

CREATE TABLE holdfast_workers (
    id           TEXT PRIMARY KEY,
    host         TEXT NOT NULL,
    pid          INTEGER NOT NULL,
    version      TEXT NOT NULL,
    queues       TEXT,
    tasks        TEXT NOT NULL,
    restricted   INTEGER NOT NULL,
    concurrency  INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    beat         INTEGER NOT NULL DEFAULT 0,
    beat_at      INTEGER NOT NULL,
    running      TEXT NOT NULL DEFAULT '[]',
    memory       INTEGER
) WITHOUT ROWID;

-- Since when no live worker of the queue has known the task of a due job.
CREATE TABLE holdfast_unknown_tasks (
    queue  TEXT NOT NULL,
    task   TEXT NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (queue, task)
) WITHOUT ROWID;

-- `holdfast move` from or into this database. A source stays closed, and a target takes no workers until all is there:
-- triggers that the move makes see to it.
CREATE TABLE holdfast_moves (
    id          TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('from', 'to')),
    other       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('moving', 'moved', 'undone')),
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    PRIMARY KEY (id, role)
) WITHOUT ROWID;

-- A job as people see it. What a running job's lease says of it is added by the verb that reads this.
CREATE VIEW holdfast_job_view AS
SELECT j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides, j.created_at,
       coalesce(f.state, CASE WHEN p.id IS NOT NULL THEN 'pending' ELSE 'running' END) AS state,
       f.reason,
       coalesce(f.run, p.run) AS run,
       coalesce(f.attempt, p.attempt) AS attempt,
       coalesce(f.crashes, p.crashes) AS crashes,
       coalesce(p.run_at, j.run_at) AS run_at,
       f.started_at, f.finished_at, f.worker, f.result,
       g.percent AS progress, g.message AS progress_message, g.run AS progress_run
FROM holdfast_jobs j
LEFT JOIN holdfast_finished f ON f.id = j.id
LEFT JOIN holdfast_pending p ON p.id = j.id
LEFT JOIN holdfast_job_progress g ON g.id = j.id;
