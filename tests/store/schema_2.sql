-- A database of schema 2, with all that a job may have. Made by the server that wrote it; never change
-- it.
PRAGMA application_id = 1349407604;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE failed_attempts (
    job_id     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    worker     TEXT    NOT NULL,
    claimed_at INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    error      TEXT    NOT NULL, output TEXT NOT NULL DEFAULT '',
    CONSTRAINT attempt_fails_once PRIMARY KEY (job_id, attempt)
) STRICT;
INSERT INTO "failed_attempts" VALUES(4,1,'worker-1',1700000000010,1700000000015,'ValueError: boom
  line 1','printed');
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
INSERT INTO "jobs" VALUES(1,2,'echo',1,1000,1000,3,300000,1700000000000,1700000000000,2,0,0,0,NULL,NULL,NULL,'order-17',X'6631',1700000005000,'shop','customer-3','web-1',1700000060000,0,'{"base_ms":1,"cap_ms":2,"jitter":false,"delays_ms":[3,4]}',NULL,NULL);
INSERT INTO "jobs" VALUES(2,2,'echo',5,1000,1000,3,300000,1700000000000,1700000000000,2,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'customer-3',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(3,1,'echo',2,1000,1000,3,300000,1700000000000,1700000000000,2,1,0,0,1700000000010,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(4,1,'echo',6,1000,1000,3,300000,1700000000000,1700000000000,2,0,0,0,NULL,1700000000020,1700000001000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'enough');
CREATE TABLE next_job_id (
    only_row INTEGER PRIMARY KEY,
    value    INTEGER NOT NULL,
    CONSTRAINT one_row CHECK (only_row = 1),
    CONSTRAINT next_id_positive CHECK (value > 0)
) STRICT;
INSERT INTO "next_job_id" VALUES(1,1);
CREATE TABLE payloads (
    job_id  INTEGER PRIMARY KEY,
    payload BLOB NOT NULL
) STRICT;
INSERT INTO "payloads" VALUES(1,X'7B7D');
INSERT INTO "payloads" VALUES(2,X'5B5D');
INSERT INTO "payloads" VALUES(3,X'5B5D');
INSERT INTO "payloads" VALUES(4,X'5B5D');
CREATE TABLE queues (
    queue_id INTEGER PRIMARY KEY,
    name     TEXT NOT NULL, settings BLOB,
    CONSTRAINT queue_name_unique UNIQUE (name)
) STRICT;
INSERT INTO "queues" VALUES(1,'reports',X'7B226F72646572223A202266616972227D');
INSERT INTO "queues" VALUES(2,'default',NULL);
CREATE TABLE results (
    job_id INTEGER PRIMARY KEY,
    result BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_scheduled ON jobs (due_at) WHERE state = 0;
CREATE INDEX jobs_ready ON jobs (queue_id, (tenant IS NULL), rank) WHERE state = 1;
CREATE INDEX jobs_claimed ON jobs (queue_id) WHERE state = 2;
CREATE INDEX jobs_finished ON jobs (remove_at, id, queue_id, state) WHERE remove_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key_unique ON jobs (key) WHERE key IS NOT NULL;
CREATE INDEX jobs_aside ON jobs (queue_id, state) WHERE state = 0 OR state = 4 OR state = 5;
CREATE INDEX jobs_group_unfinished ON jobs (queue_id, group_key, state)
WHERE group_key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_group ON jobs (group_key) WHERE group_key IS NOT NULL;
CREATE INDEX jobs_tenant ON jobs (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX jobs_tenant_waiting ON jobs (queue_id, tenant, state, rank)
WHERE tenant IS NOT NULL AND finished_at IS NULL AND state <> 2;
CREATE INDEX jobs_producer_unfinished ON jobs (producer)
WHERE producer IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_expiring ON jobs (expires_at)
WHERE expires_at IS NOT NULL AND attempt = 0 AND finished_at IS NULL;
COMMIT;
