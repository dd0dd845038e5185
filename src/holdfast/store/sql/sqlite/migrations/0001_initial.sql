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
    created_at  INTEGER NOT NULL,
    -- The line that the job stands in, if it may not simply run: its ordering key (empty for a whole FIFO queue), of which
    -- one job at a time has the turn; or, behind a sign that no ordering key holds, what it shares with those beside it.
    line        TEXT,
    -- The names of the slots that it needs to run, as JSON.
    limits      TEXT,
    -- The failed job that this one was made of, in a dead-letter queue.
    origin      TEXT,
    -- The unique key that this job holds, behind the letters of the states in which it does.
    unique_key  TEXT
) WITHOUT ROWID;
CREATE INDEX holdfast_jobs_origin ON holdfast_jobs (origin) WHERE origin IS NOT NULL;

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

-- Jobs that wait in a line, out of the claim's way. The key of this table is their order.
CREATE TABLE holdfast_blocked (
    queue      TEXT NOT NULL,
    key        TEXT NOT NULL,
    first_due  INTEGER NOT NULL,
    id         TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    task       TEXT NOT NULL,
    run        INTEGER NOT NULL DEFAULT 0,
    attempt    INTEGER NOT NULL DEFAULT 0,
    crashes    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, key, first_due, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX holdfast_blocked_id ON holdfast_blocked (id);

-- How it stands with a line. A claim looks where `due` has come. In an ordered line one job has the turn (`id`, and
-- which of its runs): it runs, or waits for its retry until `due`. A line whose jobs have to wait for a slot has a ticket of that slot, and no `due`.
-- The epoch is PostgreSQL's affair.
CREATE TABLE holdfast_lines (
    queue   TEXT NOT NULL,
    key     TEXT NOT NULL,
    epoch   INTEGER NOT NULL DEFAULT 0,
    lane    INTEGER NOT NULL DEFAULT 0,
    due     INTEGER,
    id      TEXT,
    run     INTEGER,
    slot    TEXT,
    ticket  INTEGER NOT NULL DEFAULT 0,
    credit  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, key)
) WITHOUT ROWID;
CREATE INDEX holdfast_lines_due ON holdfast_lines (queue, lane, due) WHERE due IS NOT NULL;
CREATE INDEX holdfast_lines_waiting ON holdfast_lines (slot, ticket) WHERE slot IS NOT NULL;
CREATE INDEX holdfast_lines_urgent ON holdfast_lines (slot, lane DESC, ticket) WHERE slot IS NOT NULL;
CREATE INDEX holdfast_lines_idle ON holdfast_lines (queue) WHERE due IS NULL AND id IS NULL AND slot IS NULL;

-- What limits and rates count: jobs that run (`used`), or until when those let through are spaced out (`next_free`).
-- At `wake_at` somebody is to look which of the lines that wait for it may go on.
CREATE TABLE holdfast_slots (
    name       TEXT PRIMARY KEY,
    epoch      INTEGER NOT NULL DEFAULT 0,
    used       INTEGER NOT NULL DEFAULT 0,
    next_free  INTEGER,
    wake_at    INTEGER,
    waiting    INTEGER NOT NULL DEFAULT 0,
    tickets    INTEGER NOT NULL DEFAULT 0,
    served     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX holdfast_slots_wake ON holdfast_slots (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX holdfast_slots_idle ON holdfast_slots (name) WHERE used = 0 AND wake_at IS NULL AND waiting = 0;

-- What code says of limits, rates and fair shares; what people have changed at run time wins until it is reset.
CREATE TABLE holdfast_limits (
    name      TEXT PRIMARY KEY,
    settings  TEXT,
    override  TEXT
) WITHOUT ROWID;

-- A job has come into a line, or one that held a turn or slots has gone, and nobody has seen to it yet. The run is that
-- which has gone, 0 for one that has come.
CREATE TABLE holdfast_notes (
    number  INTEGER PRIMARY KEY,
    id      TEXT NOT NULL,
    run     INTEGER NOT NULL,
    queue   TEXT NOT NULL,
    key     TEXT NOT NULL,
    lane    INTEGER NOT NULL,
    limits  TEXT
);

-- Of all jobs of one key, the one that keeps the others out: by its state, or until a time whatever becomes of it.
CREATE TABLE holdfast_unique_keys (
    key    TEXT PRIMARY KEY,
    id     TEXT NOT NULL,
    until  INTEGER
) WITHOUT ROWID;
CREATE INDEX holdfast_unique_keys_until ON holdfast_unique_keys (until) WHERE until IS NOT NULL;

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

-- The bare ids of jobs of which nothing is kept, for ten minutes: what was sent twice is told from what is new.
CREATE TABLE holdfast_forgotten (
    id     TEXT PRIMARY KEY,
    run    INTEGER NOT NULL,
    state  TEXT NOT NULL,
    at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX holdfast_forgotten_at ON holdfast_forgotten (at);

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

-- Until when a job must have begun, for the few that say so; the row goes with the first begin.
CREATE TABLE holdfast_expiries (
    id  TEXT PRIMARY KEY,
    at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX holdfast_expiries_at ON holdfast_expiries (at, id);

-- What people have paused: a queue, a task, or (kind "all", without a name) everything. The claim looks here.
CREATE TABLE holdfast_pauses (
    kind    TEXT NOT NULL CHECK (kind IN ('all', 'queue', 'task')),
    name    TEXT NOT NULL,
    who     TEXT,
    reason  TEXT,
    since   INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
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

-- What fires by itself. `declared` ones come from code; what people have done to one (paused, removed, put another in
-- its place, which then `covers` it) wins over code until it is reset. `next_at` is null where nothing more comes.
CREATE TABLE holdfast_schedules (
    name          TEXT PRIMARY KEY,
    spec          TEXT NOT NULL,
    task          TEXT NOT NULL,
    queue         TEXT NOT NULL,
    args          TEXT NOT NULL,
    meta          TEXT,
    priority      INTEGER NOT NULL,
    overrides     TEXT,
    ordering_key  TEXT,
    overlap       TEXT NOT NULL CHECK (overlap IN ('allow', 'skip')),
    missed        TEXT NOT NULL CHECK (missed IN ('latest', 'all', 'none')),
    declared      INTEGER NOT NULL,
    covers        INTEGER NOT NULL DEFAULT 0,
    paused        INTEGER NOT NULL DEFAULT 0,
    removed       INTEGER NOT NULL DEFAULT 0,
    next_at       INTEGER,
    last_at       INTEGER,
    last_job      TEXT
) WITHOUT ROWID;
CREATE INDEX holdfast_schedules_next ON holdfast_schedules (next_at) WHERE NOT paused AND NOT removed;

-- Every tick that was dealt with: once. The job is null where it was skipped.
CREATE TABLE holdfast_schedule_fires (
    schedule  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    job       TEXT,
    PRIMARY KEY (schedule, at)
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
       CASE WHEN substr(j.line, 1, 1) <> char(31) THEN j.line END AS ordering_key,
       coalesce(f.state, CASE WHEN p.id IS NOT NULL THEN 'pending' WHEN b.id IS NOT NULL THEN 'blocked' ELSE 'running' END) AS state,
       f.reason,
       coalesce(f.run, p.run, b.run) AS run,
       coalesce(f.attempt, p.attempt, b.attempt) AS attempt,
       coalesce(f.crashes, p.crashes, b.crashes) AS crashes,
       coalesce(p.run_at, b.first_due, j.run_at) AS run_at,
       f.started_at, f.finished_at, f.worker, f.result,
       g.percent AS progress, g.message AS progress_message, g.run AS progress_run,
       j.origin
FROM holdfast_jobs j
LEFT JOIN holdfast_finished f ON f.id = j.id
LEFT JOIN holdfast_pending p ON p.id = j.id
LEFT JOIN holdfast_blocked b ON b.id = j.id
LEFT JOIN holdfast_job_progress g ON g.id = j.id;
