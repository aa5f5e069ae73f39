CREATE TABLE consumers (
    group_id  INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    seen_at   INTEGER NOT NULL,
    active_at INTEGER,
    CONSTRAINT consumer_name_unique PRIMARY KEY (group_id, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE dropped_groups (
    group_id INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE dropped_streams (
    stream_id INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE event_groups (
    group_id           INTEGER PRIMARY KEY,
    stream_id          INTEGER NOT NULL,
    name               TEXT    NOT NULL,
    last_delivered_ms  INTEGER NOT NULL,
    last_delivered_seq INTEGER NOT NULL,
    read_count         INTEGER,
    is_lossy           INTEGER NOT NULL,
    CONSTRAINT group_name_unique UNIQUE (stream_id, name),
    CONSTRAINT group_id_positive CHECK (group_id > 0),
    CONSTRAINT cursor_not_negative CHECK (last_delivered_ms >= 0 AND last_delivered_seq >= 0),
    CONSTRAINT read_count_not_negative CHECK (read_count >= 0),
    CONSTRAINT is_lossy_or_not CHECK (is_lossy IN (0, 1))
) STRICT;
CREATE TABLE events (
    stream_id    INTEGER NOT NULL,
    ms           INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    event_offset INTEGER NOT NULL,
    fields       BLOB    NOT NULL,
    CONSTRAINT event_id_unique PRIMARY KEY (stream_id, ms, seq),
    CONSTRAINT event_id_not_negative CHECK (ms >= 0 AND seq >= 0),
    CONSTRAINT event_offset_positive CHECK (event_offset > 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE failed_attempts (
    job_id     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    worker     TEXT    NOT NULL,
    claimed_at INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    error      TEXT    NOT NULL, output TEXT NOT NULL DEFAULT '',
    CONSTRAINT attempt_fails_once PRIMARY KEY (job_id, attempt)
) STRICT;
CREATE TABLE handled_keys (
    group_id  INTEGER NOT NULL,
    key       BLOB    NOT NULL,
    remove_at INTEGER NOT NULL,
    CONSTRAINT handled_once PRIMARY KEY (group_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX handled_keys_over ON handled_keys (remove_at);
CREATE TABLE jobs (
    id              INTEGER PRIMARY KEY,
    queue_id        INTEGER NOT NULL,
    task            TEXT    NOT NULL,
    state           INTEGER NOT NULL,
    rank            INTEGER NOT NULL,
    priority        INTEGER NOT NULL,
    attempts_max    INTEGER NOT NULL,
    timeout_ms      INTEGER NOT NULL,
    submitted_at    INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    payload_bytes   INTEGER NOT NULL,
    attempt         INTEGER NOT NULL DEFAULT 0,
    failures        INTEGER NOT NULL DEFAULT 0,
    releases        INTEGER NOT NULL DEFAULT 0,
    claimed_at      INTEGER,
    finished_at     INTEGER,
    remove_at       INTEGER,
    key             TEXT,
    fingerprint     BLOB,
    key_expires_at  INTEGER,
    tenant          TEXT,
    group_key       TEXT,
    producer        TEXT,
    expires_at      INTEGER,
    keep_ms         INTEGER,
    retry           TEXT,
    cancel_asked_at INTEGER,
    reason          TEXT,
    CONSTRAINT id_positive CHECK (id > 0),
    CONSTRAINT state_known CHECK (state BETWEEN 0 AND 7),
    CONSTRAINT failures_are_attempts CHECK (failures BETWEEN 0 AND attempt),
    CONSTRAINT claimed_has_claimed_at CHECK (state <> 2 OR claimed_at IS NOT NULL),
    CONSTRAINT waiting_has_no_claimed_at
        CHECK (claimed_at IS NULL OR (state >= 2 AND state <> 5)),
    CONSTRAINT finished_iff_finished_at
        CHECK ((state >= 3 AND state <> 5) = (finished_at IS NOT NULL)),
    CONSTRAINT finished_iff_remove_at CHECK ((finished_at IS NULL) = (remove_at IS NULL)),
    CONSTRAINT blocked_has_group CHECK (state <> 5 OR group_key IS NOT NULL),
    CONSTRAINT key_iff_fingerprint CHECK ((key IS NULL) = (fingerprint IS NULL)),
    CONSTRAINT key_expires_with_key CHECK (key_expires_at IS NULL OR key IS NOT NULL)
) STRICT;
CREATE INDEX jobs_aside ON jobs (queue_id, state) WHERE state = 0 OR state = 4 OR state = 5;
CREATE INDEX jobs_claimed ON jobs (queue_id) WHERE state = 2;
CREATE INDEX jobs_expiring ON jobs (expires_at)
WHERE expires_at IS NOT NULL AND attempt = 0 AND finished_at IS NULL;
CREATE INDEX jobs_finished ON jobs (remove_at, id, queue_id, state) WHERE remove_at IS NOT NULL;
CREATE INDEX jobs_group ON jobs (group_key) WHERE group_key IS NOT NULL;
CREATE INDEX jobs_group_unfinished ON jobs (queue_id, group_key, state)
WHERE group_key IS NOT NULL AND finished_at IS NULL;
CREATE UNIQUE INDEX jobs_key_unique ON jobs (key) WHERE key IS NOT NULL;
CREATE INDEX jobs_producer_unfinished ON jobs (producer)
WHERE producer IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_ready ON jobs (queue_id, (tenant IS NULL), rank) WHERE state = 1;
CREATE INDEX jobs_scheduled ON jobs (due_at) WHERE state = 0;
CREATE INDEX jobs_tenant ON jobs (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX jobs_tenant_waiting ON jobs (queue_id, tenant, state, rank)
WHERE tenant IS NOT NULL AND finished_at IS NULL AND state <> 2;
CREATE TABLE next_event_numbers (
    only_row     INTEGER PRIMARY KEY,
    stream_value INTEGER NOT NULL,
    group_value  INTEGER NOT NULL,
    CONSTRAINT one_row CHECK (only_row = 1),
    CONSTRAINT next_numbers_positive CHECK (stream_value > 0 AND group_value > 0)
) STRICT;
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
CREATE TABLE pending_events (
    group_id     INTEGER NOT NULL,
    ms           INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    consumer     TEXT    NOT NULL,
    delivered_at INTEGER NOT NULL,
    deliveries   INTEGER NOT NULL,
    CONSTRAINT pending_once PRIMARY KEY (group_id, ms, seq),
    CONSTRAINT deliveries_not_negative CHECK (deliveries >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE published_keys (
    stream_id INTEGER NOT NULL,
    key       BLOB    NOT NULL,
    ms        INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    remove_at INTEGER NOT NULL,
    CONSTRAINT published_once PRIMARY KEY (stream_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX published_keys_over ON published_keys (remove_at);
CREATE TABLE queues (
    queue_id INTEGER PRIMARY KEY,
    name     TEXT NOT NULL, settings BLOB,
    CONSTRAINT queue_name_unique UNIQUE (name)
) STRICT;
CREATE TABLE results (
    job_id INTEGER PRIMARY KEY,
    result BLOB NOT NULL
) STRICT;
CREATE TABLE schedules (
    name       TEXT NOT NULL,
    definition BLOB NOT NULL,
    CONSTRAINT schedule_name_unique PRIMARY KEY (name)
) STRICT;
CREATE TABLE streams (
    stream_id       INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL,
    length          INTEGER NOT NULL,
    last_ms         INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    added_count     INTEGER NOT NULL,
    max_deleted_ms  INTEGER NOT NULL,
    max_deleted_seq INTEGER NOT NULL,
    length_max      INTEGER,
    age_ms_max      INTEGER,
    CONSTRAINT stream_name_unique UNIQUE (name),
    CONSTRAINT stream_id_positive CHECK (stream_id > 0),
    CONSTRAINT length_not_negative CHECK (length >= 0),
    CONSTRAINT length_was_added CHECK (length <= added_count),
    CONSTRAINT last_id_not_negative CHECK (last_ms >= 0 AND last_seq >= 0),
    CONSTRAINT deleted_id_not_negative CHECK (max_deleted_ms >= 0 AND max_deleted_seq >= 0),
    CONSTRAINT deleted_id_was_given
        CHECK ((max_deleted_ms, max_deleted_seq) <= (last_ms, last_seq)),
    CONSTRAINT length_max_not_negative CHECK (length_max >= 0),
    CONSTRAINT age_max_not_negative CHECK (age_ms_max >= 0)
) STRICT;
CREATE TABLE triggers (
    name       TEXT NOT NULL,
    definition BLOB NOT NULL,
    CONSTRAINT trigger_name_unique PRIMARY KEY (name)
) STRICT;
