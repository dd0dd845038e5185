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
    created_at  timestamptz NOT NULL
);

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
ALTER TABLE holdfast.leases SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE holdfast.workers SET (fillfactor = 50);
ALTER TABLE holdfast.audience SET (fillfactor = 50);

-- A job as people see it. What a running job's lease says of it is added by the verb that reads this.
CREATE VIEW holdfast.job_view AS
SELECT j.id, j.task, j.queue, j.priority, j.args, j.meta, j.overrides, j.created_at,
       coalesce(f.state, CASE WHEN p.id IS NOT NULL THEN 'pending' ELSE 'running' END) AS state,
       f.reason,
       coalesce(f.run, p.run) AS run,
       coalesce(f.attempt, p.attempt) AS attempt,
       coalesce(f.crashes, p.crashes) AS crashes,
       coalesce(p.run_at, j.run_at) AS run_at,
       f.started_at, f.finished_at, f.worker, f.result,
       g.percent AS progress, g.message AS progress_message, g.run AS progress_run
FROM holdfast.jobs j
LEFT JOIN holdfast.finished f ON f.id = j.id
LEFT JOIN holdfast.pending p ON p.id = j.id
LEFT JOIN holdfast.job_progress g ON g.id = j.id;
