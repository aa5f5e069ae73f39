-- Every statement of the SQLite store but its pragmas and migrations.
--
-- A row of parameters, (?, ?, …), stands for many (many_rows.py). Ids come as a JSON array, and
-- answers go back as one row with one JSON array. So each statement is a single step or a few,
-- however many rows it moves: Python's sqlite3 lets go of the interpreter lock at each step, and on
-- a busy event loop gets it back milliseconds later. (Taking rows out of JSON costs three times
-- what inserting them does: docs/decisions/0010.)
--
-- A NULL in a row of parameters is an empty text where a number may stand, and a zero where a text
-- or a blob may: Python's sqlite3 takes as long to bind a None as to bind ten numbers.
--
-- It all runs on SQLite 3.40.

-- part: job
-- A job as JSON. What few jobs have comes as an array of its own or, if there is none of it, NULL:
-- most jobs so are decoded in half the time.
json_array(
    jobs.id, jobs.queue_id, jobs.task, jobs.state, jobs.rank, jobs.priority, jobs.attempts_max,
    jobs.timeout_ms, jobs.submitted_at, jobs.due_at, jobs.key, jobs.attempt, jobs.failures,
    jobs.claimed_at, jobs.finished_at, jobs.remove_at, jobs.payload_bytes, jobs.releases,
    CASE WHEN coalesce(
        jobs.tenant, jobs.group_key, jobs.producer, jobs.expires_at, jobs.keep_ms, jobs.retry,
        jobs.cancel_asked_at, jobs.reason, jobs.key_expires_at
    ) IS NOT NULL THEN json_array(
        jobs.tenant, jobs.group_key, jobs.producer, jobs.expires_at, jobs.keep_ms, jobs.retry,
        jobs.cancel_asked_at, jobs.reason, jobs.key_expires_at
    ) END
)

-- part: tenants
-- Those that have waiting jobs in queue ?1, and a NULL: one step through the index for each.
tenants (tenant) AS (
    SELECT min(tenant) FROM jobs INDEXED BY jobs_tenant_waiting
    WHERE queue_id = ?1 AND tenant IS NOT NULL AND finished_at IS NULL AND state <> 2
    UNION ALL
    SELECT (
        SELECT min(tenant) FROM jobs INDEXED BY jobs_tenant_waiting
        WHERE queue_id = ?1 AND tenant > tenants.tenant AND finished_at IS NULL AND state <> 2
    )
    FROM tenants
    WHERE tenants.tenant IS NOT NULL
)

-- name: insert_queue
INSERT INTO queues (name) VALUES (?1)

-- name: insert_jobs
-- Submissions that have nothing of what few have.
INSERT INTO jobs (
    id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at, due_at,
    payload_bytes
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_special_jobs
-- The other submissions. One whose key is taken is left out.
INSERT INTO jobs (
    id, queue_id, task, state, rank, priority, attempts_max, timeout_ms, submitted_at, due_at,
    payload_bytes, key, fingerprint, key_expires_at, tenant, group_key, producer, expires_at,
    keep_ms, retry
)
SELECT
    column1, column2, column3, column4, column5, column6, column7, column8, column9, column10,
    column11, nullif(column12, 0), nullif(column13, 0), nullif(column14, ''),
    nullif(column15, 0), nullif(column16, 0), nullif(column17, 0), nullif(column18, ''),
    nullif(column19, ''), nullif(column20, 0)
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
WHERE true
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING

-- name: select_key_holders
-- Of submissions (id, key, position and length of the fingerprint in ?2) those that were left out:
-- id, holder, same request?
SELECT json_group_array(json_array(
    asked.value ->> 0,
    $job,
    jobs.fingerprint = substr(?2, asked.value ->> 2, asked.value ->> 3)
))
FROM json_each(?1) AS asked
JOIN jobs ON jobs.key = asked.value ->> 1
WHERE jobs.id <> asked.value ->> 0

-- name: free_keys
UPDATE jobs SET key = NULL, fingerprint = NULL, key_expires_at = NULL
WHERE id IN (SELECT value FROM json_each(?1))

-- name: select_occupied_groups
-- Those of the groups (queue, group) that have an unfinished job.
SELECT json_group_array(json(asked.value))
FROM json_each(?1) AS asked
WHERE EXISTS (
    SELECT 1 FROM jobs INDEXED BY jobs_group_unfinished
    WHERE queue_id = asked.value ->> 0 AND group_key = asked.value ->> 1 AND finished_at IS NULL
)

-- name: select_promotable
-- Of each of the groups (queue, group) in which nothing is scheduled, ready or claimed: the first
-- blocked job.
SELECT json_group_array($job)
FROM json_each(?1) AS asked
JOIN jobs ON jobs.id = (
    SELECT first.id FROM jobs AS first INDEXED BY jobs_group_unfinished
    WHERE first.queue_id = asked.value ->> 0 AND first.group_key = asked.value ->> 1
        AND first.state = 5 AND first.finished_at IS NULL
    ORDER BY first.id
    LIMIT 1
)
WHERE NOT EXISTS (
    SELECT 1 FROM jobs AS active INDEXED BY jobs_group_unfinished
    WHERE active.queue_id = asked.value ->> 0 AND active.group_key = asked.value ->> 1
        AND active.state < 5 AND active.finished_at IS NULL
)

-- name: insert_payloads
INSERT INTO payloads (job_id, payload) VALUES (?, ?)

-- name: insert_results
INSERT INTO results (job_id, result) VALUES (?, ?)

-- name: update_jobs
-- What happens to every job. The columns are id and the nine in the order below.
UPDATE jobs SET
    state = column2,
    due_at = column3,
    attempt = column4,
    failures = column5,
    claimed_at = nullif(column6, ''),
    finished_at = nullif(column7, ''),
    remove_at = nullif(column8, ''),
    rank = column9,
    releases = column10
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
WHERE jobs.id = column1

-- name: rewrite_jobs
-- Whatever may change. A key can be given up; it cannot be taken: it may be another's by now.
UPDATE jobs SET
    state = column2,
    due_at = column3,
    attempt = column4,
    failures = column5,
    claimed_at = nullif(column6, ''),
    finished_at = nullif(column7, ''),
    remove_at = nullif(column8, ''),
    rank = column9,
    releases = column10,
    priority = column11,
    attempts_max = column12,
    timeout_ms = column13,
    tenant = nullif(column14, 0),
    producer = nullif(column15, 0),
    expires_at = nullif(column16, ''),
    keep_ms = nullif(column17, ''),
    retry = nullif(column18, 0),
    cancel_asked_at = nullif(column19, ''),
    reason = nullif(column20, 0),
    key = CASE WHEN column21 THEN key END,
    fingerprint = CASE WHEN column21 THEN fingerprint END,
    key_expires_at = CASE WHEN column21 AND key IS NOT NULL THEN nullif(column22, '') END
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
WHERE jobs.id = column1

-- name: insert_failed_attempts
INSERT INTO failed_attempts (job_id, attempt, worker, claimed_at, failed_at, error, output)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: update_settings
UPDATE queues SET settings = ?2 WHERE queue_id = ?1

-- name: select_removable
-- Jobs to remove until ?1, at most ?2: id, queue, state.
SELECT json_group_array(json_array(id, queue_id, state))
FROM (
    SELECT id, queue_id, state FROM jobs INDEXED BY jobs_finished
    WHERE remove_at <= ?1
    ORDER BY remove_at, id
    LIMIT ?2
)

-- name: select_forgettable
-- Those of the jobs that are finished: id, queue, state.
SELECT json_group_array(json_array(jobs.id, queue_id, state))
FROM json_each(?1) AS asked
JOIN jobs ON jobs.id = asked.value
WHERE finished_at IS NOT NULL

-- name: select_purgeable
-- Waiting jobs of queue ?1 up to id ?2 but for those of ?3, at most ?4: id, state, group. Blocked
-- ones first, so that none is promoted only to be purged; ready ones last, in their order. Of these
-- the newer ones, too, are passed over in the index.
SELECT json_group_array(json_array(id, state, group_key))
FROM (
    SELECT id, state, group_key FROM jobs INDEXED BY jobs_aside
    WHERE queue_id = ?1 AND state = 5 AND id <= ?2 AND id NOT IN (SELECT value FROM json_each(?3))
    UNION ALL
    SELECT id, state, group_key FROM jobs INDEXED BY jobs_aside
    WHERE queue_id = ?1 AND state = 0 AND id <= ?2 AND id NOT IN (SELECT value FROM json_each(?3))
    UNION ALL
    SELECT id, state, group_key FROM jobs INDEXED BY jobs_ready
    WHERE queue_id = ?1 AND state = 1 AND id <= ?2 AND id NOT IN (SELECT value FROM json_each(?3))
    LIMIT ?4
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
-- The first ?4 ready jobs of queue ?1 after (rank, id) = (?2, ?3). In two halves each, as SQLite uses
-- only the first column of "(rank, id) > (?2, ?3)": with one rank for all it would read them all.
SELECT json_group_array($job)
FROM (
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1 AND rank = ?2 AND id > ?3
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1 AND rank > ?2
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 0 AND rank = ?2 AND id > ?3
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 0 AND rank > ?2
    ORDER BY rank, id
    LIMIT ?4
) AS jobs

-- name: select_tail
-- The last ?2 ready jobs of queue ?1, the very last first.
SELECT json_group_array($job)
FROM (
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 0
    ORDER BY rank DESC, id DESC
    LIMIT ?2
) AS jobs

-- name: select_head_of_tenant
-- The same of tenant ?5 alone.
SELECT json_group_array($job)
FROM (
    SELECT * FROM jobs INDEXED BY jobs_tenant_waiting
    WHERE queue_id = ?1 AND tenant = ?5 AND state = 1 AND finished_at IS NULL AND state <> 2
        AND rank = ?2 AND id > ?3
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_tenant_waiting
    WHERE queue_id = ?1 AND tenant = ?5 AND state = 1 AND finished_at IS NULL AND state <> 2
        AND rank > ?2
    ORDER BY rank, id
    LIMIT ?4
) AS jobs

-- name: select_fronts
-- Of each tenant but those of ?5 the first ?4 ready jobs of queue ?1 after (rank, id) = (?2, ?3), and
-- as many of nobody: tenant, rank, id.
WITH RECURSIVE $tenants
SELECT json_group_array(json_array(tenant, rank, id))
FROM (
    SELECT * FROM (
        SELECT NULL AS tenant, rank, id FROM jobs INDEXED BY jobs_ready
        WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1 AND rank = ?2 AND id > ?3
        UNION ALL
        SELECT NULL, rank, id FROM jobs INDEXED BY jobs_ready
        WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1 AND rank > ?2
        ORDER BY rank, id
        LIMIT ?4
    )
    UNION ALL
    SELECT tenants.tenant, jobs.rank, jobs.id FROM tenants JOIN jobs ON jobs.id IN (
        SELECT id FROM (
            SELECT rank, id FROM jobs INDEXED BY jobs_tenant_waiting
            WHERE queue_id = ?1 AND tenant = tenants.tenant AND state = 1
                AND finished_at IS NULL AND state <> 2 AND rank = ?2 AND id > ?3
            UNION ALL
            SELECT rank, id FROM jobs INDEXED BY jobs_tenant_waiting
            WHERE queue_id = ?1 AND tenant = tenants.tenant AND state = 1
                AND finished_at IS NULL AND state <> 2 AND rank > ?2
            ORDER BY rank, id
            LIMIT ?4
        )
    )
    WHERE tenants.tenant NOT IN (SELECT value FROM json_each(?5))
    ORDER BY rank, id
)

-- name: select_due
-- The first ?3 scheduled jobs after (due_at, id) = (?1, ?2); in two halves like the head.
SELECT json_group_array($job)
FROM (
    SELECT * FROM jobs INDEXED BY jobs_scheduled
    WHERE state = 0 AND due_at = ?1 AND id > ?2
    UNION ALL
    SELECT * FROM jobs INDEXED BY jobs_scheduled
    WHERE state = 0 AND due_at > ?1
    ORDER BY due_at, id
    LIMIT ?3
) AS jobs

-- name: select_expiring
-- The first ?2 jobs that were not started and expire until ?1.
SELECT json_group_array($job)
FROM (
    SELECT * FROM jobs INDEXED BY jobs_expiring
    WHERE expires_at <= ?1 AND attempt = 0 AND finished_at IS NULL
    ORDER BY expires_at, id
    LIMIT ?2
) AS jobs

-- name: count_before
-- How many ready jobs of queue ?1 come before (rank, id) = (?2, ?3), as far as ?4.
SELECT count(*)
FROM (
    SELECT 1 FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1 AND rank = ?2 AND id < ?3
    UNION ALL
    SELECT 1 FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 1 AND rank < ?2
    UNION ALL
    SELECT 1 FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 0 AND rank = ?2 AND id < ?3
    UNION ALL
    SELECT 1 FROM jobs INDEXED BY jobs_ready
    WHERE state = 1 AND queue_id = ?1 AND (tenant IS NULL) = 0 AND rank < ?2
    LIMIT ?4
)

-- name: select_end_of_page
-- The last of the ?3 jobs after id ?2 that a page of a list may look at, if there are so many. The
-- index of a tenant stands for all ways to go along (listing.py).
SELECT id FROM jobs INDEXED BY jobs_tenant WHERE tenant = ?1 AND id > ?2
ORDER BY id
LIMIT 1 OFFSET ?3 - 1

-- name: list_jobs
-- The first ?4 jobs after id ?2 and up to ?3 that pass a filter, along the same index. The states
-- are bits of a number.
SELECT json_group_array($job)
FROM (
    SELECT * FROM jobs INDEXED BY jobs_tenant WHERE tenant = ?1 AND id > ?2
        AND id <= ?3
        AND (?5 IS NULL OR queue_id = ?5)
        AND (?6 IS NULL OR (1 << state) & ?6)
        AND (?7 IS NULL OR task = ?7)
        AND (?8 IS NULL OR tenant = ?8)
        AND (?9 IS NULL OR group_key = ?9)
        AND (?10 IS NULL OR key = ?10)
        AND (?11 IS NULL OR producer = ?11)
        AND (?12 IS NULL OR submitted_at >= ?12)
        AND (?13 IS NULL OR submitted_at < ?13)
        AND (?14 IS NULL OR EXISTS (
            SELECT 1 FROM failed_attempts
            WHERE job_id = jobs.id AND instr(error, ?14)
        ))
    ORDER BY id
    LIMIT ?4
) AS jobs

-- name: select_last_errors
-- Of the last failed attempt of each job the first line of the error. Cut as bytes: `substr` of
-- text ends at a zero.
SELECT json_group_array(json_array(job_id, CAST(
    CASE instr(CAST(error AS BLOB), x'0a')
        WHEN 0 THEN error
        ELSE substr(CAST(error AS BLOB), 1, instr(CAST(error AS BLOB), x'0a') - 1)
    END AS TEXT
)))
FROM json_each(?1) AS asked
JOIN failed_attempts ON job_id = asked.value AND attempt = (
    SELECT max(attempt) FROM failed_attempts WHERE job_id = asked.value
)

-- name: select_tags
-- The greatest rank of a ready job of queue ?1, by tenant.
WITH RECURSIVE $tenants
SELECT json_group_array(json_array(tenant, rank))
FROM (
    SELECT tenant, (
        SELECT max(rank) FROM jobs INDEXED BY jobs_tenant_waiting
        WHERE queue_id = ?1 AND tenant = tenants.tenant AND state = 1
            AND finished_at IS NULL AND state <> 2
    ) AS rank
    FROM tenants
    WHERE tenant IS NOT NULL
)
WHERE rank IS NOT NULL

-- name: sum_payload_bytes
-- Of the waiting jobs of queue ?1.
SELECT coalesce(sum(payload_bytes), 0)
FROM (
    SELECT payload_bytes FROM jobs INDEXED BY jobs_ready WHERE queue_id = ?1 AND state = 1
    UNION ALL
    SELECT payload_bytes FROM jobs INDEXED BY jobs_aside WHERE queue_id = ?1 AND state = 0
    UNION ALL
    SELECT payload_bytes FROM jobs INDEXED BY jobs_aside WHERE queue_id = ?1 AND state = 5
)

-- name: select_jobs
SELECT json_group_array($job)
FROM json_each(?1) AS asked
JOIN jobs ON jobs.id = asked.value

-- name: select_failed_attempts
SELECT json_group_array(
    json_array(job_id, attempt, worker, claimed_at, failed_at, error, output)
)
FROM (
    SELECT failed_attempts.*
    FROM json_each(?1) AS asked
    JOIN failed_attempts ON failed_attempts.job_id = asked.value
    ORDER BY job_id, attempt
)

-- name: select_last_failed_attempts
SELECT json_group_array(
    json_array(job_id, attempt, worker, claimed_at, failed_at, error, output)
)
FROM json_each(?1) AS asked
JOIN failed_attempts ON job_id = asked.value AND attempt = (
    SELECT max(attempt) FROM failed_attempts WHERE job_id = asked.value
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

-- name: select_claimed
SELECT json_group_array($job) FROM jobs INDEXED BY jobs_claimed WHERE state = 2

-- name: select_groups_of_cancelled
-- The groups of those whose lease ends and that were told to stop.
SELECT json_group_array(json_array(queue_id, group_key))
FROM jobs INDEXED BY jobs_claimed
WHERE state = 2 AND cancel_asked_at IS NOT NULL AND group_key IS NOT NULL

-- name: end_leases
-- At ?1. Who was told to stop is cancelled, and kept for ?2 unless it says how long.
UPDATE jobs INDEXED BY jobs_claimed SET
    state = CASE WHEN cancel_asked_at IS NULL THEN 1 ELSE 6 END,
    claimed_at = CASE WHEN cancel_asked_at IS NULL THEN NULL ELSE claimed_at END,
    finished_at = CASE WHEN cancel_asked_at IS NULL THEN NULL ELSE ?1 END,
    remove_at = CASE WHEN cancel_asked_at IS NULL THEN NULL ELSE ?1 + coalesce(keep_ms, ?2) END
WHERE state = 2

-- name: select_next_id
SELECT max(value, 1 + coalesce((SELECT max(id) FROM jobs), 0)) FROM next_job_id

-- name: select_counts
-- How many jobs there are: queue, state, count. Reads indexes only.
SELECT queue_id, 1, count(*) FROM jobs INDEXED BY jobs_ready
WHERE state = 1 GROUP BY queue_id
UNION ALL
SELECT queue_id, 0, count(*) FROM jobs INDEXED BY jobs_aside
WHERE state = 0 GROUP BY queue_id
UNION ALL
SELECT queue_id, 5, count(*) FROM jobs INDEXED BY jobs_aside
WHERE state = 5 GROUP BY queue_id
UNION ALL
SELECT queue_id, state, count(*) FROM jobs INDEXED BY jobs_finished
WHERE remove_at IS NOT NULL GROUP BY queue_id, state

-- name: select_queues
SELECT queue_id, name FROM queues

-- name: select_settings
SELECT queue_id, settings FROM queues WHERE settings IS NOT NULL

-- name: delete_queues
DELETE FROM queues WHERE queue_id IN (SELECT value FROM json_each(?1)) AND settings IS NULL
