CREATE TABLE failed_attempts (
    job_id     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    worker     TEXT    NOT NULL,
    claimed_at INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    CONSTRAINT attempt_fails_once PRIMARY KEY (job_id, attempt)
) STRICT;
CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY,
    queue_id     INTEGER NOT NULL,
    task         TEXT    NOT NULL,
    state        INTEGER NOT NULL,
    rank         INTEGER NOT NULL,
    priority     INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    timeout_ms   INTEGER NOT NULL,
    submitted_at INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    key          TEXT,
    fingerprint  BLOB,
    attempt      INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,
    claimed_at   INTEGER,
    finished_at  INTEGER,
    remove_at    INTEGER,
    CONSTRAINT id_positive CHECK (id > 0),
    CONSTRAINT state_known CHECK (state BETWEEN 0 AND 4),
    CONSTRAINT failures_are_attempts CHECK (failures BETWEEN 0 AND attempt),
    CONSTRAINT claimed_has_claimed_at CHECK (state <> 2 OR claimed_at IS NOT NULL),
    CONSTRAINT waiting_has_no_claimed_at CHECK (state > 1 OR claimed_at IS NULL),
    CONSTRAINT finished_iff_finished_at CHECK ((state >= 3) = (finished_at IS NOT NULL)),
    CONSTRAINT finished_iff_remove_at CHECK ((state >= 3) = (remove_at IS NOT NULL)),
    CONSTRAINT key_iff_fingerprint CHECK ((key IS NULL) = (fingerprint IS NULL))
) STRICT;
CREATE INDEX jobs_claimed ON jobs (queue_id) WHERE state = 2;
CREATE INDEX jobs_finished ON jobs (remove_at, id, queue_id, state) WHERE remove_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key_unique ON jobs (key) WHERE key IS NOT NULL;
CREATE INDEX jobs_ready ON jobs (queue_id, rank) WHERE state = 1;
CREATE INDEX jobs_scheduled ON jobs (due_at, id, queue_id) WHERE state = 0;
CREATE TABLE next_job_id (
    only_row INTEGER PRIMARY KEY,
    value    INTEGER NOT NULL,
    CONSTRAINT one_row CHECK (only_row = 1),
    CONSTRAINT next_id_positive CHECK (value > 0)
) STRICT;
CREATE TABLE payloads (
    job_id  INTEGER PRIMARY KEY,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE queues (
    queue_id INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    CONSTRAINT queue_name_unique UNIQUE (name)
) STRICT;
CREATE TABLE results (
    job_id INTEGER PRIMARY KEY,
    result BLOB NOT NULL
) STRICT;
