-- The outbox's file. user_version 1. One row for each submission that was written and is not
-- forgotten, in the order of submission, and their sums in a single row.

CREATE TABLE entries (
    id           INTEGER PRIMARY KEY,
    state        INTEGER NOT NULL DEFAULT 0, -- 0 pending, 1 acknowledged, 2 refused
    key          TEXT    NOT NULL,
    task         TEXT    NOT NULL,
    queue        TEXT    NOT NULL,
    ordering     TEXT,                       -- the group within its queue; null: none
    ages         INTEGER NOT NULL,           -- whether its options hold times counted from now
    command      BLOB    NOT NULL,           -- the request as it is sent; empty once acknowledged
    size         INTEGER NOT NULL,           -- bytes of the command
    submitted_at INTEGER NOT NULL,           -- unix milliseconds
    settled_at   INTEGER,
    job_id       INTEGER,
    code         TEXT,
    text         TEXT,
    CONSTRAINT the_state_is_known CHECK (state IN (0, 1, 2)),
    CONSTRAINT pending_entries_have_no_end CHECK (state <> 0 OR settled_at IS NULL),
    CONSTRAINT settled_entries_have_an_end CHECK (state = 0 OR settled_at IS NOT NULL),
    CONSTRAINT acknowledged_entries_have_a_job CHECK ((state = 1) = (job_id IS NOT NULL)),
    CONSTRAINT refused_entries_have_a_code CHECK ((state = 2) = (code IS NOT NULL))
);

-- What the sender looks through: everything that it must know to choose, without the commands.
CREATE INDEX pending ON entries (id, queue, ordering, key, size) WHERE state = 0;
CREATE INDEX acknowledged ON entries (id) WHERE state = 1;
CREATE INDEX acknowledged_by_time ON entries (settled_at) WHERE state = 1;
CREATE INDEX refused ON entries (id) WHERE state = 2;

CREATE TABLE totals (
    one                INTEGER PRIMARY KEY CHECK (one = 1),
    next_id            INTEGER NOT NULL,     -- ids are not used again when entries are removed
    pending_count      INTEGER NOT NULL CHECK (pending_count >= 0),
    pending_bytes      INTEGER NOT NULL CHECK (pending_bytes >= 0),
    refused_count      INTEGER NOT NULL CHECK (refused_count >= 0),
    refused_bytes      INTEGER NOT NULL CHECK (refused_bytes >= 0),
    acknowledged_count INTEGER NOT NULL CHECK (acknowledged_count >= 0)
);
INSERT INTO totals VALUES (1, 1, 0, 0, 0, 0, 0);

CREATE TRIGGER an_entry_comes AFTER INSERT ON entries BEGIN
    UPDATE totals SET
        next_id = new.id + 1,
        pending_count = pending_count + 1,
        pending_bytes = pending_bytes + new.size;
END;

CREATE TRIGGER an_entry_changes AFTER UPDATE OF state ON entries BEGIN
    UPDATE totals SET
        pending_count = pending_count + (new.state = 0) - (old.state = 0),
        pending_bytes = pending_bytes + (new.state = 0) * new.size - (old.state = 0) * old.size,
        refused_count = refused_count + (new.state = 2) - (old.state = 2),
        refused_bytes = refused_bytes + (new.state = 2) * new.size - (old.state = 2) * old.size,
        acknowledged_count = acknowledged_count + (new.state = 1) - (old.state = 1);
END;

CREATE TRIGGER an_entry_goes AFTER DELETE ON entries BEGIN
    UPDATE totals SET
        pending_count = pending_count - (old.state = 0),
        pending_bytes = pending_bytes - (old.state = 0) * old.size,
        refused_count = refused_count - (old.state = 2),
        refused_bytes = refused_bytes - (old.state = 2) * old.size,
        acknowledged_count = acknowledged_count - (old.state = 1);
END;
