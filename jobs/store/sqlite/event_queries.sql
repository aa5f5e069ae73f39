-- The statements of the SQLite store that are about events; how they are written, and why, is said
-- in queries.sql.
--
-- Ids come as a JSON array of pairs. Keys come in one blob, and a JSON array says where: SQLite 3.40
-- ends a text out of JSON at a zero.

-- part: contents
-- The page of events: id, offset and length of the fields, and the fields if they are of at most ?2
-- bytes. (The length of a blob is known without reading it.)
ms, seq, event_offset, length(fields) AS size,
CASE WHEN length(fields) <= ?2 THEN fields END AS shared

-- part: page
json_group_array(json_array(ms, seq, event_offset, size)),
CAST(group_concat(shared, '') AS BLOB)

-- --- writing ---

-- name: put_streams
-- The length is what comes to it, or goes. (A row must keep the rules before it is known to be
-- there already, so the sum stands in it.)
INSERT INTO streams (
    stream_id, name, length, last_ms, last_seq, added_count, max_deleted_ms, max_deleted_seq,
    length_max, age_ms_max
)
SELECT
    column1, column2,
    column3 + coalesce((SELECT length FROM streams WHERE stream_id = column1), 0),
    column4, column5, column6, column7, column8, nullif(column9, ''), nullif(column10, '')
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
WHERE true
ON CONFLICT (stream_id) DO UPDATE SET
    name = excluded.name,
    length = excluded.length,
    last_ms = excluded.last_ms,
    last_seq = excluded.last_seq,
    added_count = excluded.added_count,
    max_deleted_ms = excluded.max_deleted_ms,
    max_deleted_seq = excluded.max_deleted_seq,
    length_max = excluded.length_max,
    age_ms_max = excluded.age_ms_max

-- name: shorten_stream
-- By ?2 events, the last of which had the id (?3, ?4).
UPDATE streams SET
    length = length - ?2,
    max_deleted_ms = CASE
        WHEN (max_deleted_ms, max_deleted_seq) < (?3, ?4) THEN ?3 ELSE max_deleted_ms
    END,
    max_deleted_seq = CASE
        WHEN (max_deleted_ms, max_deleted_seq) < (?3, ?4) THEN ?4 ELSE max_deleted_seq
    END
WHERE stream_id = ?1

-- name: put_groups
INSERT INTO event_groups (
    group_id, stream_id, name, last_delivered_ms, last_delivered_seq, read_count, is_lossy
)
SELECT column1, column2, column3, column4, column5, nullif(column6, ''), column7
FROM (VALUES (?, ?, ?, ?, ?, ?, ?))
WHERE true
ON CONFLICT (group_id) DO UPDATE SET
    last_delivered_ms = excluded.last_delivered_ms,
    last_delivered_seq = excluded.last_delivered_seq,
    read_count = excluded.read_count,
    is_lossy = excluded.is_lossy

-- name: put_consumers
INSERT INTO consumers (group_id, name, seen_at, active_at)
SELECT column1, column2, column3, nullif(column4, '')
FROM (VALUES (?, ?, ?, ?))
WHERE true
ON CONFLICT (group_id, name) DO UPDATE SET
    seen_at = excluded.seen_at,
    active_at = excluded.active_at

-- name: insert_events
INSERT INTO events (stream_id, ms, seq, event_offset, fields) VALUES (?, ?, ?, ?, ?)

-- name: put_pending_events
INSERT INTO pending_events (group_id, ms, seq, consumer, delivered_at, deliveries)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (group_id, ms, seq) DO UPDATE SET
    consumer = excluded.consumer,
    delivered_at = excluded.delivered_at,
    deliveries = excluded.deliveries

-- name: delete_pending_events
-- Those of group ?1 with the ids ?2.
DELETE FROM pending_events
WHERE group_id = ?1 AND (ms, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))

-- name: put_handled_keys
INSERT INTO handled_keys (group_id, key, remove_at) VALUES (?, ?, ?)
ON CONFLICT (group_id, key) DO UPDATE SET remove_at = excluded.remove_at

-- name: put_published_keys
INSERT INTO published_keys (stream_id, key, ms, seq, remove_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (stream_id, key) DO UPDATE SET
    ms = excluded.ms,
    seq = excluded.seq,
    remove_at = excluded.remove_at

-- name: put_trigger
INSERT INTO triggers (name, definition) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition

-- name: delete_trigger
DELETE FROM triggers WHERE name = ?1

-- name: put_schedule
INSERT INTO schedules (name, definition) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition

-- name: delete_schedule
DELETE FROM schedules WHERE name = ?1

-- --- removing ---

-- name: select_known_ids
-- Those of the ids ?2 that stream ?1 has.
SELECT json_group_array(json_array(ms, seq))
FROM events
WHERE stream_id = ?1 AND (ms, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))

-- name: delete_events
DELETE FROM events
WHERE stream_id = ?1 AND (ms, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))

-- name: select_id_at
-- Of the events of stream ?1 before the id (?2, ?3) the one that ?4 go before.
SELECT ms, seq FROM events
WHERE stream_id = ?1 AND (ms, seq) < (?2, ?3)
ORDER BY ms, seq
LIMIT 1 OFFSET ?4

-- name: select_last_id_before
SELECT ms, seq FROM events
WHERE stream_id = ?1 AND (ms, seq) < (?2, ?3)
ORDER BY ms DESC, seq DESC
LIMIT 1

-- name: delete_events_before
DELETE FROM events WHERE stream_id = ?1 AND (ms, seq) < (?2, ?3)

-- name: select_first_id
SELECT ms, seq FROM events WHERE stream_id = ?1 ORDER BY ms, seq LIMIT 1

-- name: save_next_event_numbers
UPDATE next_event_numbers SET
    stream_value = max(stream_value, 1 + coalesce((SELECT max(stream_id) FROM streams), 0)),
    group_value = max(group_value, 1 + coalesce((SELECT max(group_id) FROM event_groups), 0))

-- name: note_dropped_streams
INSERT INTO dropped_streams (stream_id)
SELECT stream_id FROM streams WHERE stream_id IN (SELECT value FROM json_each(?1))

-- name: note_groups_of_dropped_streams
INSERT INTO dropped_groups (group_id)
SELECT group_id FROM event_groups WHERE stream_id IN (SELECT value FROM json_each(?1))

-- name: delete_groups_of_dropped_streams
DELETE FROM event_groups WHERE stream_id IN (SELECT value FROM json_each(?1))

-- name: delete_streams
DELETE FROM streams WHERE stream_id IN (SELECT value FROM json_each(?1))

-- name: note_dropped_groups
INSERT INTO dropped_groups (group_id)
SELECT group_id FROM event_groups WHERE group_id IN (SELECT value FROM json_each(?1))

-- name: delete_groups
DELETE FROM event_groups WHERE group_id IN (SELECT value FROM json_each(?1))

-- name: delete_consumer
DELETE FROM consumers WHERE group_id = ?1 AND name = ?2

-- name: delete_pending_events_of_consumer
DELETE FROM pending_events WHERE group_id = ?1 AND consumer = ?2

-- --- sweeping: at most ?2 rows of ?1 each ---

-- name: select_handled_key_over
-- Of the keys whose time was over at ?1 the one that ?2 go before.
SELECT remove_at, group_id, key FROM handled_keys INDEXED BY handled_keys_over
WHERE remove_at <= ?1
ORDER BY remove_at, group_id, key
LIMIT 1 OFFSET ?2

-- name: sweep_handled_keys_over
DELETE FROM handled_keys INDEXED BY handled_keys_over
WHERE (remove_at, group_id, key) < (?1, ?2, ?3)

-- name: select_published_key_over
SELECT remove_at, stream_id, key FROM published_keys INDEXED BY published_keys_over
WHERE remove_at <= ?1
ORDER BY remove_at, stream_id, key
LIMIT 1 OFFSET ?2

-- name: sweep_published_keys_over
DELETE FROM published_keys INDEXED BY published_keys_over
WHERE (remove_at, stream_id, key) < (?1, ?2, ?3)

-- name: select_dropped_groups
SELECT group_id FROM dropped_groups ORDER BY group_id LIMIT ?1

-- name: sweep_pending_events
DELETE FROM pending_events
WHERE group_id = ?1 AND (ms, seq) IN (
    SELECT ms, seq FROM pending_events WHERE group_id = ?1 ORDER BY ms, seq LIMIT ?2
)

-- name: sweep_consumers
DELETE FROM consumers
WHERE group_id = ?1 AND name IN (
    SELECT name FROM consumers WHERE group_id = ?1 ORDER BY name LIMIT ?2
)

-- name: sweep_handled_keys
DELETE FROM handled_keys
WHERE group_id = ?1 AND key IN (
    SELECT key FROM handled_keys WHERE group_id = ?1 ORDER BY key LIMIT ?2
)

-- name: delete_dropped_group
DELETE FROM dropped_groups WHERE group_id = ?1

-- name: select_dropped_streams
SELECT stream_id FROM dropped_streams ORDER BY stream_id LIMIT ?1

-- name: sweep_events
DELETE FROM events
WHERE stream_id = ?1 AND (ms, seq) IN (
    SELECT ms, seq FROM events WHERE stream_id = ?1 ORDER BY ms, seq LIMIT ?2
)

-- name: sweep_published_keys
DELETE FROM published_keys
WHERE stream_id = ?1 AND key IN (
    SELECT key FROM published_keys WHERE stream_id = ?1 ORDER BY key LIMIT ?2
)

-- name: delete_dropped_stream
DELETE FROM dropped_streams WHERE stream_id = ?1

-- --- reading ---

-- name: select_range
-- The first ?7 events of stream ?1 from (?3, ?4) to (?5, ?6).
SELECT $page
FROM (
    SELECT $contents
    FROM events
    WHERE stream_id = ?1 AND (ms, seq) >= (?3, ?4) AND (ms, seq) <= (?5, ?6)
    ORDER BY ms, seq
    LIMIT ?7
)

-- name: select_range_backwards
-- The last ones, the very last first.
SELECT $page
FROM (
    SELECT $contents
    FROM events
    WHERE stream_id = ?1 AND (ms, seq) >= (?3, ?4) AND (ms, seq) <= (?5, ?6)
    ORDER BY ms DESC, seq DESC
    LIMIT ?7
)

-- name: select_picks
-- Those of stream ?1 with the ids ?3.
SELECT $page
FROM (
    SELECT $contents
    FROM events
    WHERE stream_id = ?1 AND (ms, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3))
    ORDER BY ms, seq
)

-- name: select_fields
SELECT fields FROM events WHERE stream_id = ?1 AND ms = ?2 AND seq = ?3

-- name: select_handled_keys
-- Of the questions (place, group, and where the key is in ?2) the places of those whose key is kept
-- at ?3.
SELECT json_group_array(asked.value ->> 0)
FROM json_each(?1) AS asked
CROSS JOIN handled_keys ON
    group_id = asked.value ->> 1
    AND handled_keys.key = substr(?2, asked.value ->> 2, asked.value ->> 3)
WHERE remove_at > ?3

-- name: select_published_keys
-- The same of streams: place, and the id of the event.
SELECT json_group_array(json_array(asked.value ->> 0, ms, seq))
FROM json_each(?1) AS asked
CROSS JOIN published_keys ON
    stream_id = asked.value ->> 1
    AND published_keys.key = substr(?2, asked.value ->> 2, asked.value ->> 3)
WHERE remove_at > ?3

-- --- loading ---

-- name: select_next_event_numbers
SELECT
    max(stream_value, 1 + coalesce((SELECT max(stream_id) FROM streams), 0)),
    max(group_value, 1 + coalesce((SELECT max(group_id) FROM event_groups), 0))
FROM next_event_numbers

-- name: select_streams
SELECT
    stream_id, name, last_ms, last_seq, added_count, max_deleted_ms, max_deleted_seq, length_max,
    age_ms_max, length
FROM streams
ORDER BY stream_id

-- name: select_followed_streams
-- Those that have a group and whose name begins with ?1.
SELECT
    stream_id, name, last_ms, last_seq, added_count, max_deleted_ms, max_deleted_seq, length_max,
    age_ms_max
FROM streams
WHERE substr(name, 1, length(?1)) = ?1
    AND EXISTS (SELECT 1 FROM event_groups WHERE event_groups.stream_id = streams.stream_id)
ORDER BY stream_id

-- name: select_groups
SELECT
    group_id, stream_id, name, last_delivered_ms, last_delivered_seq, read_count, is_lossy
FROM event_groups
ORDER BY group_id

-- name: select_consumers
SELECT group_id, consumers.name, seen_at, active_at
FROM consumers JOIN event_groups USING (group_id)
ORDER BY group_id, consumers.name

-- name: select_pending_events
SELECT ms, seq, consumer, delivered_at, deliveries
FROM pending_events
WHERE group_id = ?1
ORDER BY ms, seq

-- name: select_triggers
SELECT name, definition FROM triggers ORDER BY name

-- name: select_schedules
SELECT name, definition FROM schedules ORDER BY name

-- name: has_sweepings
SELECT EXISTS (SELECT 1 FROM dropped_streams) OR EXISTS (SELECT 1 FROM dropped_groups)
