-- A database of schema 1, with a job in every state. Made by the server that wrote it; never change it.
PRAGMA application_id = 1349407604;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE failed_attempts (
    job_id     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    worker     TEXT    NOT NULL,
    claimed_at INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    CONSTRAINT attempt_fails_once PRIMARY KEY (job_id, attempt)
) STRICT;
INSERT INTO "failed_attempts" VALUES(5,1,'worker-1',1700000000010,1700000000015,'E: 1
  line');
INSERT INTO "failed_attempts" VALUES(5,2,'worker-1',1700000000010,1700000000015,'E: 2');
INSERT INTO "failed_attempts" VALUES(6,1,'worker-1',1700000000010,1700000000015,'E: é');
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
INSERT INTO "jobs" VALUES(1,3,'echo',1,1000,1000,3,300000,1700000000000,1700000000000,NULL,NULL,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(2,2,'echo',0,1000,1000,3,300000,1700000000000,1700000060000,NULL,NULL,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(3,3,'echo',3,1000,1000,3,300000,1700000000000,1700000000000,'order-3',X'6633',1,0,1700000000010,1700000000020,1700000001000);
INSERT INTO "jobs" VALUES(4,3,'echo',2,1000,1000,3,300000,1700000000000,1700000000000,NULL,NULL,1,0,1700000000010,NULL,NULL);
INSERT INTO "jobs" VALUES(5,2,'mail',4,-7,-7,3,300000,1700000000000,1700000000000,'order-5',X'6635',2,2,1700000000010,1700000000020,1700000001000);
INSERT INTO "jobs" VALUES(6,3,'echo',0,1000,1000,3,300000,1700000000000,1700000000500,NULL,NULL,1,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(7,3,'echo',1,1000,1000,3,300000,1700000000000,1700000000000,NULL,NULL,0,0,NULL,NULL,NULL);
CREATE TABLE next_job_id (
    only_row INTEGER PRIMARY KEY,
    value    INTEGER NOT NULL,
    CONSTRAINT one_row CHECK (only_row = 1),
    CONSTRAINT next_id_positive CHECK (value > 0)
) STRICT;
INSERT INTO "next_job_id" VALUES(1,9);
CREATE TABLE payloads (
    job_id  INTEGER PRIMARY KEY,
    payload BLOB NOT NULL
) STRICT;
INSERT INTO "payloads" VALUES(1,X'');
INSERT INTO "payloads" VALUES(2,X'5B312C20325D');
INSERT INTO "payloads" VALUES(3,X'00FF80');
INSERT INTO "payloads" VALUES(4,X'7878787878787878787878787878787878787878');
INSERT INTO "payloads" VALUES(5,X'7B22746F223A2022614062227D');
INSERT INTO "payloads" VALUES(6,X'5B5D');
INSERT INTO "payloads" VALUES(7,X'5B5D');
CREATE TABLE queues (
    queue_id INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    CONSTRAINT queue_name_unique UNIQUE (name)
) STRICT;
INSERT INTO "queues" VALUES(1,'gone');
INSERT INTO "queues" VALUES(2,'reports');
INSERT INTO "queues" VALUES(3,'default');
CREATE TABLE results (
    job_id INTEGER PRIMARY KEY,
    result BLOB NOT NULL
) STRICT;
INSERT INTO "results" VALUES(3,X'726573756C74');
CREATE INDEX jobs_scheduled ON jobs (due_at, id, queue_id) WHERE state = 0;
CREATE INDEX jobs_ready ON jobs (queue_id, rank) WHERE state = 1;
CREATE INDEX jobs_claimed ON jobs (queue_id) WHERE state = 2;
CREATE INDEX jobs_finished ON jobs (remove_at, id, queue_id, state) WHERE remove_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key_unique ON jobs (key) WHERE key IS NOT NULL;
COMMIT;
