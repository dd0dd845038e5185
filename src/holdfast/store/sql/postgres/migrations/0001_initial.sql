-- Where a job is found is its state: finished, else pending, else blocked, else a lease that owns it (running).
-- Where another schema was chosen, its name is put in place of this one's.

CREATE TABLE holdfast.jobs (
    id          uuid PRIMARY KEY,
    queue       text NOT NULL,
    task        text NOT NULL,
    priority    smallint NOT NULL,
    -- json, not jsonb: it keeps the text as it was given, costs no conversion, and can be queried as well.
    args        json NOT NULL,
    meta        json,
    overrides   json,
    run_at      timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    -- The line that the job stands in, if it may not simply run: its ordering key (empty for a whole FIFO queue), of which
    -- one job at a time has the turn; or, behind a sign that no ordering key holds, what it shares with those beside it.
    line        text,
    -- The names of the slots that it needs to run, as JSON.
    limits      text,
    -- The failed job that this one was made of, in a dead-letter queue.
    origin      uuid,
    -- The unique key that this job holds, behind the letters of the states in which it does.
    unique_key  text
);
CREATE INDEX jobs_origin ON holdfast.jobs (origin) WHERE origin IS NOT NULL;

-- The claim reads nothing else until it knows which jobs it takes. The lane is the priority, or far below all
-- priorities for a suspect of crashing its worker.
CREATE TABLE holdfast.pending (
    queue    text NOT NULL,
    lane     smallint NOT NULL,
    run_at   timestamptz NOT NULL,
    id       uuid NOT NULL,
    task     text NOT NULL,
    run      integer NOT NULL DEFAULT 0,
    attempt  integer NOT NULL DEFAULT 0,
    crashes  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, lane, run_at, id)
);
CREATE UNIQUE INDEX pending_id ON holdfast.pending (id);

-- Jobs that wait in a line, out of the claim's way. The key of this table is their order.
CREATE TABLE holdfast.blocked (
    queue      text NOT NULL,
    key        text NOT NULL,
    first_due  timestamptz NOT NULL,
    id         uuid NOT NULL,
    lane       smallint NOT NULL,
    task       text NOT NULL,
    run        integer NOT NULL DEFAULT 0,
    attempt    integer NOT NULL DEFAULT 0,
    crashes    integer NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, key, first_due, id)
);
CREATE UNIQUE INDEX blocked_id ON holdfast.blocked (id);

-- How it stands with a line. A claim looks where `due` has come. In an ordered line one job has the turn (`id`, and
-- which of its runs): it runs, or waits for its retry until `due`. A line whose jobs have to wait for a slot has a ticket of that slot, and no `due`.
-- The epoch grows with every 256th change, so that the newest version of a busy row is found first, even while an old
-- snapshot keeps vacuum from removing the others.
CREATE TABLE holdfast.lines (
    queue   text NOT NULL,
    key     text NOT NULL,
    epoch   integer NOT NULL DEFAULT 0,
    change  integer NOT NULL DEFAULT 0,
    lane    smallint NOT NULL DEFAULT 0,
    due     timestamptz,
    id      uuid,
    run     integer,
    slot    text,
    ticket  bigint NOT NULL DEFAULT 0,
    credit  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, key, epoch)
);
CREATE INDEX lines_due ON holdfast.lines (queue, lane, due) WHERE due IS NOT NULL;
CREATE INDEX lines_waiting ON holdfast.lines (slot, ticket) WHERE slot IS NOT NULL;
CREATE INDEX lines_urgent ON holdfast.lines (slot, lane DESC, ticket) WHERE slot IS NOT NULL;
CREATE INDEX lines_idle ON holdfast.lines (queue) WHERE due IS NULL AND id IS NULL AND slot IS NULL;

-- What limits and rates count: jobs that run (`used`), or until when those let through are spaced out (`next_free`).
-- At `wake_at` somebody is to look which of the lines that wait for it may go on.
CREATE TABLE holdfast.slots (
    name       text NOT NULL,
    epoch      integer NOT NULL DEFAULT 0,
    change     integer NOT NULL DEFAULT 0,
    used       integer NOT NULL DEFAULT 0,
    next_free  timestamptz,
    wake_at    timestamptz,
    waiting    boolean NOT NULL DEFAULT false,
    tickets    bigint NOT NULL DEFAULT 0,
    served     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (name, epoch)
);
CREATE INDEX slots_wake ON holdfast.slots (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX slots_idle ON holdfast.slots (name) WHERE used = 0 AND wake_at IS NULL AND NOT waiting;

-- What code says of limits, rates and fair shares; what people have changed at run time wins until it is reset.
CREATE TABLE holdfast.limits (
    name      text PRIMARY KEY,
    settings  json,
    override  json
);

-- A job has come into a line, or one that held a turn or slots has gone, and nobody has seen to it yet. The run is that
-- which has gone, 0 for one that has come. Callers'
-- transactions add a row and take no lock, so that a long one of theirs holds up nobody.
CREATE TABLE holdfast.notes (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      uuid NOT NULL,
    run     integer NOT NULL,
    queue   text NOT NULL,
    key     text NOT NULL,
    lane    smallint NOT NULL,
    limits  text
);

-- Of all jobs of one key, the one that keeps the others out: by its state, or until a time whatever becomes of it.
CREATE TABLE holdfast.unique_keys (
    key    text PRIMARY KEY,
    id     uuid NOT NULL,
    until  timestamptz
);
CREATE INDEX unique_keys_until ON holdfast.unique_keys (until) WHERE until IS NOT NULL;

-- One row for each claimed batch: the jobs as they are during the run, position by position. `released` holds the
-- ids that the lease no longer owns.
CREATE TABLE holdfast.leases (
    id          uuid PRIMARY KEY,
    worker      uuid NOT NULL,
    ids         uuid[] NOT NULL,
    runs        integer[] NOT NULL,
    attempts    integer[] NOT NULL,
    crashes     integer[] NOT NULL,
    released    uuid[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL
);
-- Ids don't compress: trying costs more than the row.
ALTER TABLE holdfast.leases ALTER COLUMN ids SET STORAGE EXTERNAL;

CREATE TABLE holdfast.finished (
    id           uuid PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('succeeded', 'failed', 'cancelled')),
    reason       text,
    run          integer NOT NULL,
    attempt      integer NOT NULL,
    crashes      integer NOT NULL,
    worker       uuid,
    result       json,
    started_at   timestamptz,
    finished_at  timestamptz NOT NULL,
    expires_at   timestamptz
);
CREATE INDEX finished_expires ON holdfast.finished (expires_at) WHERE expires_at IS NOT NULL;
-- Most jobs succeed; the others are what people look for.
CREATE INDEX finished_other ON holdfast.finished (state, id) WHERE state <> 'succeeded';

-- The bare ids of jobs of which nothing is kept, for ten minutes: what was sent twice is told from what is new.
CREATE TABLE holdfast.forgotten (
    id     uuid PRIMARY KEY,
    run    integer NOT NULL,
    state  text NOT NULL,
    at     timestamptz NOT NULL
);
CREATE INDEX forgotten_at ON holdfast.forgotten (at);

CREATE TABLE holdfast.job_errors (
    id         uuid NOT NULL,
    run        integer NOT NULL,
    attempt    integer NOT NULL,
    worker     uuid,
    at         timestamptz NOT NULL,
    type       text NOT NULL,
    message    text NOT NULL,
    traceback  text NOT NULL,
    PRIMARY KEY (id, run)
);

CREATE TABLE holdfast.job_progress (
    id       uuid PRIMARY KEY,
    run      integer NOT NULL,
    percent  smallint NOT NULL,
    message  text,
    at       timestamptz NOT NULL
);

-- A request names the run that it is for, so that a late one can't cancel a later run.
CREATE TABLE holdfast.cancel_requests (
    id   uuid NOT NULL,
    run  integer NOT NULL,
    at   timestamptz NOT NULL,
    PRIMARY KEY (id, run)
);

CREATE TABLE holdfast.queues (
    name      text PRIMARY KEY,
    settings  json NOT NULL DEFAULT '{}'
);

-- Until when a job must have begun, for the few that say so; the row goes with the first begin.
CREATE TABLE holdfast.expiries (
    id  uuid PRIMARY KEY,
    at  timestamptz NOT NULL
);
CREATE INDEX expiries_at ON holdfast.expiries (at, id);

-- What people have paused: a queue, a task, or (kind "all", without a name) everything. The claim looks here.
CREATE TABLE holdfast.pauses (
    kind    text NOT NULL CHECK (kind IN ('all', 'queue', 'task')),
    name    text NOT NULL,
    who     text,
    reason  text,
    since   timestamptz NOT NULL,
    PRIMARY KEY (kind, name)
);

-- What a claim may take, of what it asks for: lanes of queues that aren't paused, and tasks that aren't.
CREATE FUNCTION holdfast.unpaused(INOUT lanes json, INOUT tasks text[]) LANGUAGE plpgsql STABLE AS
$unpaused$
BEGIN
    IF EXISTS (SELECT FROM holdfast.pauses) THEN
        lanes := (
            SELECT coalesce(json_agg(l.value ORDER BY l.n), '[]')
            FROM json_array_elements(lanes) WITH ORDINALITY AS l (value, n)
            WHERE NOT EXISTS (
                SELECT FROM holdfast.pauses AS p WHERE p.kind = 'all' OR (p.kind = 'queue' AND p.name = l.value ->> 0)));
        tasks := ARRAY(SELECT unnest(tasks) EXCEPT SELECT p.name FROM holdfast.pauses AS p WHERE p.kind = 'task');
    END IF;
END
$unpaused$;

CREATE TABLE holdfast.workers (
    id           uuid PRIMARY KEY,
    host         text NOT NULL,
    pid          integer NOT NULL,
    version      text NOT NULL,
    queues       text[],
    tasks        text[] NOT NULL,
    restricted   boolean NOT NULL,
    concurrency  integer NOT NULL,
    started_at   timestamptz NOT NULL,
    beat         bigint NOT NULL DEFAULT 0,
    beat_at      timestamptz NOT NULL,
    running      json NOT NULL DEFAULT '[]',
    memory       bigint
);

-- Since when no live worker of the queue has known the task of a due job.
CREATE TABLE holdfast.unknown_tasks (
    queue  text NOT NULL,
    task   text NOT NULL,
    since  timestamptz NOT NULL,
    PRIMARY KEY (queue, task)
);

-- What fires by itself. `declared` ones come from code; what people have done to one (paused, removed, put another in
-- its place, which then `covers` it) wins over code until it is reset. `next_at` is null where nothing more comes.
CREATE TABLE holdfast.schedules (
    name          text PRIMARY KEY,
    spec          json NOT NULL,
    task          text NOT NULL,
    queue         text NOT NULL,
    args          json NOT NULL,
    meta          json,
    priority      smallint NOT NULL,
    overrides     json,
    ordering_key  text,
    overlap       text NOT NULL CHECK (overlap IN ('allow', 'skip')),
    missed        text NOT NULL CHECK (missed IN ('latest', 'all', 'none')),
    declared      boolean NOT NULL,
    covers        boolean NOT NULL DEFAULT false,
    paused        boolean NOT NULL DEFAULT false,
    removed       boolean NOT NULL DEFAULT false,
    next_at       timestamptz,
    last_at       timestamptz,
    last_job      uuid
);
CREATE INDEX schedules_next ON holdfast.schedules (next_at) WHERE NOT paused AND NOT removed;

-- Every tick that was dealt with: once. The job is null where it was skipped.
CREATE TABLE holdfast.schedule_fires (
    schedule  text NOT NULL,
    at        timestamptz NOT NULL,
    job       uuid,
    PRIMARY KEY (schedule, at)
);

-- Who wants to be notified: idle workers of due jobs, callers that wait for results of finished ones. A notification
-- takes a lock of the whole server at commit, so nobody sends one that nobody hears. Of no worth after a crash.
CREATE UNLOGGED TABLE holdfast.audience (
    id     uuid NOT NULL,
    topic  text NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (id, topic)
);

-- `holdfast move` from or into this database. A source stays closed, and a target takes no workers until all is there:
-- triggers that the move makes see to it, with the function below, which tells whoever is refused what to do.
CREATE TABLE holdfast.moves (
    id          uuid NOT NULL,
    role        text NOT NULL CHECK (role IN ('from', 'to')),
    other       text NOT NULL,
    state       text NOT NULL CHECK (state IN ('moving', 'moved', 'undone')),
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (id, role)
);

-- With its owner's rights: whoever only enqueues may not read the table.
CREATE FUNCTION holdfast.refuse_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$refuse$
DECLARE
    last record;
BEGIN
    SELECT m.role, m.other INTO last FROM holdfast.moves AS m WHERE m.state <> 'undone' ORDER BY m.started_at DESC LIMIT 1;
    IF last.role = 'from' THEN
        RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = 'these jobs have been moved to ' || last.other;
    END IF;
    RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = 'a move from ' || last.other || ' into this database has not ended';
END
$refuse$;

-- Rows of these live for moments: vacuum must come by their number, not by their share of the table, and not pause.
ALTER TABLE holdfast.pending SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
ALTER TABLE holdfast.blocked SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.lines SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.slots SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.notes SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.unique_keys SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.leases SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.workers SET (fillfactor = 50);
ALTER TABLE holdfast.schedules SET (fillfactor = 50);
ALTER TABLE holdfast.audience SET (fillfactor = 50);

-- A job as people see it. What a running job's lease says of it is added by the verb that reads this.
CREATE VIEW holdfast.job_view AS
SELECT j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides, j.created_at,
       CASE WHEN left(j.line, 1) <> E'\x1f' THEN j.line END AS ordering_key,
       coalesce(f.state, CASE WHEN p.id IS NOT NULL THEN 'pending' WHEN b.id IS NOT NULL THEN 'blocked' ELSE 'running' END) AS state,
       f.reason,
       coalesce(f.run, p.run, b.run) AS run,
       coalesce(f.attempt, p.attempt, b.attempt) AS attempt,
       coalesce(f.crashes, p.crashes, b.crashes) AS crashes,
       coalesce(p.run_at, b.first_due, j.run_at) AS run_at,
       f.started_at, f.finished_at, f.worker, f.result,
       g.percent AS progress, g.message AS progress_message, g.run AS progress_run,
       j.origin
FROM holdfast.jobs j
LEFT JOIN holdfast.finished f ON f.id = j.id
LEFT JOIN holdfast.pending p ON p.id = j.id
LEFT JOIN holdfast.blocked b ON b.id = j.id
LEFT JOIN holdfast.job_progress g ON g.id = j.id;
