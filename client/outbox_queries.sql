-- The statements of the outbox, each by the name before it.

-- name: totals
SELECT next_id, pending_count, pending_bytes, refused_count, refused_bytes, acknowledged_count
FROM totals

-- name: add
INSERT INTO entries (id, key, task, queue, ordering, ages, command, size, submitted_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: candidates
-- Pending entries of queues that are not held back, oldest first, without their commands.
SELECT id, queue, ordering, key, size FROM entries INDEXED BY pending
WHERE state = 0 AND queue NOT IN (SELECT value FROM json_each(?))
ORDER BY id LIMIT ?

-- name: commands
SELECT id, queue, key, ages, command, submitted_at FROM entries
WHERE id IN (SELECT value FROM json_each(?)) AND state = 0
ORDER BY id

-- name: set_acknowledged
UPDATE entries SET state = 1, job_id = ?, settled_at = ?, command = x''
WHERE id = ? AND state = 0

-- name: set_refused
UPDATE entries SET state = 2, code = ?, text = ?, settled_at = ?
WHERE id = ? AND state = 0

-- name: retry
UPDATE entries SET state = 0, code = NULL, text = NULL, settled_at = NULL
WHERE id = ? AND state = 2

-- name: forget
DELETE FROM entries WHERE id = ? AND state <> 0

-- name: forget_older
-- Acknowledged entries whose time is over, a slice of them.
DELETE FROM entries WHERE id IN (
    SELECT id FROM entries INDEXED BY acknowledged_by_time
    WHERE state = 1 AND settled_at < ? ORDER BY settled_at LIMIT ?
)

-- name: forget_oldest
-- The oldest acknowledged entries, so many of them.
DELETE FROM entries WHERE id IN (
    SELECT id FROM entries INDEXED BY acknowledged WHERE state = 1 ORDER BY id LIMIT ?
)

-- name: first_settled
SELECT min(settled_at) FROM entries INDEXED BY acknowledged_by_time WHERE state = 1

-- name: listed
SELECT id, state, key, task, queue, size, submitted_at, settled_at, job_id, code, text
FROM entries WHERE state = ? AND id > ? ORDER BY id LIMIT ?

-- name: known
SELECT id, state, key, task, queue, size, submitted_at, settled_at, job_id, code, text
FROM entries WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id

-- name: command
SELECT command FROM entries WHERE id = ?

-- name: oldest
SELECT submitted_at FROM entries INDEXED BY pending WHERE state = 0 ORDER BY id LIMIT 1

-- name: is_pending_until
SELECT EXISTS (SELECT 1 FROM entries INDEXED BY pending WHERE state = 0 AND id <= ?)
