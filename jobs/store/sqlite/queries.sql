-- Every statement of the SQLite store but its pragmas and migrations.
--
-- A row of parameters, (?, ?, …), stands for many (many_rows.py). Ids come as a JSON array, and
-- answers go back as one row with one JSON array. So each statement is a single step or a few,
-- however many rows it moves: Python's sqlite3 lets go of the interpreter lock at each step, and on
-- a busy event loop gets it back milliseconds later. (Taking rows out of JSON costs three times
-- what inserting them does: docs/decisions/0010.)
--
-- It all runs on SQLite 3.40.

-- name: insert_queue
INSERT INTO queues (name) VALUES (?1)

-- name: insert_jobs
-- Submissions of which none has a key.
INSERT INTO jobs (
    id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at, due_at
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_keyed_jobs
-- Submissions with and without keys. One whose key is taken is left out.
INSERT INTO jobs (
    id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at, due_at,
    key, fingerprint
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING

-- name: select_key_holders
-- Of submissions (id, key, position and length of the fingerprint in ?2) those that were left out:
-- id, holder's id, same request?
SELECT json_group_array(json_array(
    asked.value ->> 0,
    holder.id,
    holder.fingerprint = substr(?2, asked.value ->> 2, asked.value ->> 3)
))
FROM json_each(?1) AS asked
JOIN jobs AS holder ON holder.key = asked.value ->> 1
WHERE holder.id <> asked.value ->> 0

-- name: insert_payloads
INSERT INTO payloads (job_id, payload) VALUES (?, ?)

-- name: insert_results
INSERT INTO results (job_id, result) VALUES (?, ?)

-- name: update_jobs
-- Only what may change after submission. The columns are id and the seven in the order below.
UPDATE jobs SET
    state = column2,
    due_at = column3,
    attempt = column4,
    failures = column5,
    claimed_at = column6,
    finished_at = column7,
    remove_at = column8
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?))
WHERE jobs.id = column1

-- name: insert_failed_attempts
INSERT INTO failed_attempts (job_id, attempt, worker, claimed_at, failed_at, error)
VALUES (?, ?, ?, ?, ?, ?)

-- name: select_removable
-- Jobs to remove until ?1, at most ?2: id, queue, state.
SELECT json_group_array(json_array(id, queue_id, state))
FROM (
    SELECT id, queue_id, state FROM jobs INDEXED BY jobs_finished
    WHERE remove_at <= ?1
    ORDER BY remove_at, id
    LIMIT ?2
)

-- name: save_next_id
UPDATE next_job_id SET value = max(value, 1 + coalesce((SELECT max(id) FROM jobs), 0))

-- name: delete_jobs
DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?1))

-- name: delete_payloads
DELETE FROM payloads WHERE job_id IN (SELECT value FROM json_each(?1))

-- name: delete_results
DELETE FROM results WHERE job_id IN (SELECT value FROM json_each(?1))

-- name: delete_failed_attempts
DELETE FROM failed_attempts WHERE job_id IN (SELECT value FROM json_each(?1))

-- name: select_head
-- The first ?4 ready jobs of queue ?1 after (rank, id) = (?2, ?3). In two halves, as SQLite uses
-- only the first column of "(rank, id) > (?2, ?3)": with one rank for all it would read them all.
SELECT json_group_array(json_array(
    id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at, due_at,
    key, attempt, failures, claimed_at, finished_at, remove_at
))
FROM (
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND rank = ?2 AND id > ?3
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND rank > ?2
    ORDER BY rank, id
    LIMIT ?4
)

-- name: select_due
-- The first ?3 scheduled jobs after (due_at, id) = (?1, ?2); in two halves like the head.
SELECT json_group_array(json_array(
    id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at, due_at,
    key, attempt, failures, claimed_at, finished_at, remove_at
))
FROM (
    SELECT * FROM jobs INDEXED BY jobs_scheduled
    WHERE state = 0 AND due_at = ?1 AND id > ?2
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_scheduled
    WHERE state = 0 AND due_at > ?1
    ORDER BY due_at, id
    LIMIT ?3
)

-- name: select_jobs
SELECT json_group_array(json_array(
    jobs.id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at,
    due_at, jobs.key, attempt, failures, claimed_at, finished_at, remove_at
))
FROM json_each(?1) AS asked
JOIN jobs ON jobs.id = asked.value

-- name: select_failed_attempts
SELECT json_group_array(json_array(job_id, attempt, worker, claimed_at, failed_at, error))
FROM (
    SELECT failed_attempts.*
    FROM json_each(?1) AS asked
    JOIN failed_attempts ON failed_attempts.job_id = asked.value
    ORDER BY job_id, attempt
)

-- name: select_payloads
-- Payloads of at most ?2 bytes: their ids and lengths, and all of them in one blob.
SELECT
    json_group_array(json_array(job_id, length(payload))),
    CAST(group_concat(payload, '') AS BLOB)
FROM json_each(?1) AS asked
JOIN payloads ON payloads.job_id = asked.value
WHERE length(payload) <= ?2

-- name: select_payload
SELECT payload FROM payloads WHERE job_id = ?1

-- name: select_results
-- Results of at most ?2 bytes: their ids and lengths, and all of them in one blob.
SELECT
    json_group_array(json_array(job_id, length(result))),
    CAST(group_concat(result, '') AS BLOB)
FROM json_each(?1) AS asked
JOIN results ON results.job_id = asked.value
WHERE length(result) <= ?2

-- name: select_result
SELECT result FROM results WHERE job_id = ?1

-- name: count_claimed
SELECT count(*) FROM jobs INDEXED BY jobs_claimed WHERE state = 2

-- name: end_leases
UPDATE jobs INDEXED BY jobs_claimed SET state = 1, claimed_at = NULL WHERE state = 2

-- name: select_next_id
SELECT max(value, 1 + coalesce((SELECT max(id) FROM jobs), 0)) FROM next_job_id

-- name: select_counts
-- How many jobs there are: queue, state, count. Reads indexes only.
SELECT queue_id, 1, count(*) FROM jobs INDEXED BY jobs_ready
WHERE state = 1 GROUP BY queue_id
UNION ALL
SELECT queue_id, 0, count(*) FROM jobs INDEXED BY jobs_scheduled
WHERE state = 0 GROUP BY queue_id
UNION ALL
SELECT queue_id, state, count(*) FROM jobs INDEXED BY jobs_finished
WHERE remove_at IS NOT NULL GROUP BY queue_id, state

-- name: select_queues
SELECT queue_id, name FROM queues

-- name: delete_queues
DELETE FROM queues WHERE queue_id IN (SELECT value FROM json_each(?1))
