-- The event log: streams, their events, consumer groups and what is pending for them; keys that
-- were handled or published; triggers and schedules. An id is milliseconds and sequence.

-- The length is the store's to count, so that nobody has to look at the events for it.
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

-- In one tree by stream and id: appended at its end, read along it, trimmed from its beginning.
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

CREATE TABLE consumers (
    group_id  INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    seen_at   INTEGER NOT NULL,
    active_at INTEGER,
    CONSTRAINT consumer_name_unique PRIMARY KEY (group_id, name)
) STRICT, WITHOUT ROWID;

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

-- Keys are blobs, as are those that they are compared with.
CREATE TABLE handled_keys (
    group_id  INTEGER NOT NULL,
    key       BLOB    NOT NULL,
    remove_at INTEGER NOT NULL,
    CONSTRAINT handled_once PRIMARY KEY (group_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX handled_keys_over ON handled_keys (remove_at);

CREATE TABLE published_keys (
    stream_id INTEGER NOT NULL,
    key       BLOB    NOT NULL,
    ms        INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    remove_at INTEGER NOT NULL,
    CONSTRAINT published_once PRIMARY KEY (stream_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX published_keys_over ON published_keys (remove_at);

CREATE TABLE triggers (
    name       TEXT NOT NULL,
    definition BLOB NOT NULL,
    CONSTRAINT trigger_name_unique PRIMARY KEY (name)
) STRICT;

CREATE TABLE schedules (
    name       TEXT NOT NULL,
    definition BLOB NOT NULL,
    CONSTRAINT schedule_name_unique PRIMARY KEY (name)
) STRICT;

-- Of these some rows are left, to be swept. Their numbers are never given again, so that nobody
-- finds the rows before that.
CREATE TABLE dropped_streams (
    stream_id INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE dropped_groups (
    group_id INTEGER PRIMARY KEY
) STRICT;

-- The least numbers that may be given next. Only dropping needs to move them.
CREATE TABLE next_event_numbers (
    only_row     INTEGER PRIMARY KEY,
    stream_value INTEGER NOT NULL,
    group_value  INTEGER NOT NULL,
    CONSTRAINT one_row CHECK (only_row = 1),
    CONSTRAINT next_numbers_positive CHECK (stream_value > 0 AND group_value > 0)
) STRICT;

INSERT INTO next_event_numbers (only_row, stream_value, group_value) VALUES (1, 1, 1);
