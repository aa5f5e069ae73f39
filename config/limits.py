"""Every maximum of the system, with its unit in the name and its reason beside it.

A limit that an operator may lower or raise is a default here and a field of `Settings`;
the others are part of the design and change with a release.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# --- the wire: before authentication -----------------------------------------------------------
# Redis' own figures (CVE-2021-32675): what AUTH and HELLO need, and no more.
UNAUTHENTICATED_ARGUMENTS_MAX: Final = 10
UNAUTHENTICATED_ARGUMENT_BYTES_MAX: Final = 16 * KIB

# --- the wire: after authentication ------------------------------------------------------------
# A `*` or `$` header line and an inline command; Redis' figure, beyond it framing is lost.
LINE_BYTES_MAX: Final = 64 * KIB
# Arguments of one request. The longest command is JOB.CLAIM with many queues.
ARGUMENTS_MAX: Final = 1024
# Bytes of one argument that a connection buffers before the command is known: the largest payload
# an operator may allow, so that PAYLOAD_BYTES_MAX is answered by a clear error and not by a close.
ARGUMENT_BYTES_MAX: Final = 64 * MIB
# Bytes of one whole request (all arguments).
REQUEST_BYTES_MAX: Final = 80 * MIB
# Quoted argument text in "unknown command" errors, as Redis cuts it.
ERROR_ARGUMENTS_BYTES_MAX: Final = 128
# Requests of one connection that are parsed and not yet answered in full; beyond, reading pauses.
REQUESTS_IN_FLIGHT_MAX: Final = 4096
# Reply bytes that a connection may leave unread before reading from it pauses ...
OUTPUT_PAUSE_BYTES: Final = 256 * KIB
# ... and the amount at which it is cut: it does not read, and its calls still finish.
OUTPUT_BYTES_MAX: Final = 128 * MIB
# One whole reply as a client accepts it: a server never has more than that to send at once.
REPLY_BYTES_MAX: Final = OUTPUT_BYTES_MAX
# Aggregates within aggregates in a reply; COMMAND DOCS, the deepest, has seven.
REPLY_DEPTH_MAX: Final = 32
# Submissions between MULTI and EXEC: they are one transaction in the store.
TRANSACTION_COMMANDS_MAX: Final = 4096
# Bytes of their payloads; they are in memory until EXEC. One payload of any size has room.
TRANSACTION_BYTES_MAX: Final = 64 * MIB
# Open connections; a descriptor each, beside those of the store and the workers.
CONNECTIONS_MAX: Final = 10_000
# What an operator may raise the three above to: more would be a slip of the keyboard.
CONNECTIONS_CEILING: Final = 1_000_000
REQUESTS_IN_FLIGHT_CEILING: Final = 1_000_000
OUTPUT_BYTES_CEILING: Final = 16 * 1024 * MIB
# sun_path has 108 bytes on Linux and the last one is its end.
SOCKET_PATH_BYTES_MAX: Final = 107
# Accepted and not yet handed to us; the kernel cuts it to net.core.somaxconn.
LISTEN_BACKLOG: Final = 1024
# Seconds from the first byte of a request to its last.
FRAME_DEADLINE_SECONDS: Final = 60.0
# Seconds a connection may stay unauthenticated when a password is set.
AUTHENTICATION_DEADLINE_SECONDS: Final = 5.0
# Seconds that calls of a connection are waited for whose peer sends no more. It may still read, as
# at the end of a shell's pipe; most often it is gone, and only the answer would show it.
HALF_CLOSED_SECONDS: Final = 5.0

# --- jobs ----------------------------------------------------------------------------------------
NAME_BYTES_MAX: Final = 200  # Task and queue names; beanstalkd's tube names have the same bound.
KEY_BYTES_MAX: Final = 255  # Idempotency keys: a UUID, a URL, a business key.
PAYLOAD_BYTES_MAX: Final = 1 * MIB  # Default; more belongs into a file or an object store.
RESULT_BYTES_MAX: Final = 1 * MIB  # Default; a result travels through memory to its caller.
ERROR_BYTES_MAX: Final = 16 * KIB  # A traceback; longer ones lose their middle in the worker.
PRIORITY_MAX: Final = 4_294_967_295  # beanstalkd's range; 0 is the most urgent.
PRIORITY_DEFAULT: Final = 1000
ATTEMPTS_DEFAULT: Final = 3
ATTEMPTS_MAX: Final = 1000
TIMEOUT_MS_DEFAULT: Final = 300_000  # What most peers agree on (research: default-value lessons).
TIMEOUT_MS_MAX: Final = 7 * 24 * 3_600_000
DELAY_MS_MAX: Final = 366 * 24 * 3_600_000  # A year; a cron schedule serves beyond that.
RETRY_BASE_MS: Final = 1_000  # First backoff ceiling; doubled each failure, full jitter below it.
RETRY_CAP_MS: Final = 600_000  # No backoff waits longer than ten minutes.
RESULT_KEEP_MS_DEFAULT: Final = 3_600_000
DEAD_KEEP_MS_DEFAULT: Final = 30 * 24 * 3_600_000  # Dead letters wait for people; a month of them.
KEEP_MS_MAX: Final = 3_650 * 24 * 3_600_000  # Ten years: beyond it, copy what matters elsewhere.
# From now until an attempt must have begun; also how long a key with a window stays taken.
DEADLINE_MS_MAX: Final = DELAY_MS_MAX
KEY_WINDOW_MS_MAX: Final = DELAY_MS_MAX
# Why a job was cancelled, the note of a progress report, the text that errors are searched for.
REASON_BYTES_MAX: Final = 1 * KIB
NOTE_BYTES_MAX: Final = 1 * KIB
ERROR_FILTER_BYTES_MAX: Final = 1 * KIB
# What is kept of what an attempt prints: its end, as of a log.
JOB_OUTPUT_BYTES_MAX: Final = 16 * KIB
# From the end of a job's timeout (told to the task) to the end of its lease (it is killed).
LEASE_GRACE_MS: Final = 10_000
# A claim is written if its job still runs after this long: shorter jobs need one write less.
# A server that is killed within it forgets the attempt's number, and gives it out once more.
CLAIM_WRITE_MS: Final = 100

# --- the settings of one queue -------------------------------------------------------------------
# What each may be raised to: more would be a slip of the keyboard, or is the same as no limit.
QUEUE_LENGTH_CEILING: Final = 1_000_000_000
QUEUE_BYTES_CEILING: Final = 1024 * 1024 * 1024 * MIB
QUEUE_CONCURRENCY_CEILING: Final = 1_000_000
QUEUE_RATE_CEILING: Final = 1_000_000_000
# Of a limit, what urgent submissions and calls alone may use; some must be left for the others.
QUEUE_RESERVE_PERCENT_MAX: Final = 90
# The share of a tenant: with weights beyond a thousand to one, one of them might as well wait.
TENANT_WEIGHT_MAX: Final = 1_000
QUEUE_WEIGHTS_MAX: Final = 1_000  # Tenants of one queue with a weight of their own.
QUEUE_RESERVE_PERCENT_DEFAULT: Final = 10
QUEUE_RATE_PERIOD_MS_DEFAULT: Final = 1_000
# A burst that is not set is what the rate gives in this time: no more than is lost by a server
# that looks at the clock late.
QUEUE_BURST_MS_DEFAULT: Final = 100
RETRY_DELAYS_MAX: Final = 100  # Of a list of delays; the last one repeats.

# --- the disk ------------------------------------------------------------------------------------
# Below it submissions are refused. Room for what was accepted to end: the log and the database
# grow by 32 MiB before the reserve (as much again) is needed, results of calls may be 1 MiB each.
DISK_FREE_MIN_DEFAULT: Final = 256 * MIB
DISK_FREE_CEILING: Final = 1024 * 1024 * 1024 * MIB
DISK_LOOK_SECONDS: Final = 1.0
# The room that must be free beyond the mark before submissions are taken again: a fraction of it.
DISK_FREE_MARGIN_DIVISOR: Final = 4

# --- why a job waits -----------------------------------------------------------------------------
# Jobs that are counted before a waiting one; beyond it people are told that there are more.
PLACE_COUNT_MAX: Final = 10_000
# A queue is said to have no worker if nobody waits for its jobs, none runs, and none was taken for
# this long: a worker of several queues, or one that asks now and then, is not overlooked.
NO_WORKER_MS: Final = 10_000

# --- lists ---------------------------------------------------------------------------------------
# What a page of a list, or a count of those before a job, weighs among the reads of a commit.
LIST_READS: Final = 16
# Jobs that one page may look at: some milliseconds, whatever the filter lets through.
LIST_SCAN_MAX: Final = 5_000
# Jobs that are purged, put in a new order, redriven or discarded with one commit.
SLICE_JOBS_MAX: Final = 500
# Purges, redrives and the like that are under way; their slices take turns.
CHORES_MAX: Final = 100
# Waiting jobs of which the store is asked with one commit whether they expired.
EXPIRING_JOBS_MAX: Final = 500
# From the wish to cancel a job that runs to the end of its lease, when its process is ended.
CANCEL_GRACE_MS: Final = 10_000
LIST_JOBS_DEFAULT: Final = 100
LIST_JOBS_MAX: Final = 1_000  # COUNT of one JOB.LIST or QUEUE.PEEK: a reply of about a megabyte.
PEEK_JOBS_DEFAULT: Final = 10
REDRIVE_RATE_MAX: Final = 100_000  # Dead jobs a second; beyond what a disk takes it is no bound.

# --- waits ---------------------------------------------------------------------------------------
CLAIM_WAIT_MS_DEFAULT: Final = 1_000  # Several clients give up a read after two seconds.
CLAIM_WAIT_MS_MAX: Final = 300_000
CALL_WAIT_MS_DEFAULT: Final = 3_600_000  # As long as a result is kept.
CALL_WAIT_MS_MAX: Final = 24 * 3_600_000
CLAIM_JOBS_MAX: Final = 1_000  # COUNT of one JOB.CLAIM.
# Jobs of one JOB.CLAIM whose payloads are read from the store: they may be of the largest size.
CLAIM_PAYLOADS_READ_MAX: Final = 16
CLAIM_QUEUES_MAX: Final = 256  # Queues named by one JOB.CLAIM.

# --- memory --------------------------------------------------------------------------------------
# Ready jobs of one queue whose records are in memory; the rest wait in the store.
QUEUE_WINDOW_JOBS_MAX: Final = 1_000
# A window is refilled when it falls below this share of what it may hold.
QUEUE_WINDOW_LOW_DIVISOR: Final = 4
# The least a window holds, however many queues share the memory below.
QUEUE_WINDOW_JOBS_MIN: Final = 16
# Records of ready jobs in memory, all queues together (about 1 KiB each).
WINDOWS_JOBS_MAX: Final = 32_000
# Scheduled jobs whose due times are in memory; the later ones wait in the store.
SCHEDULE_WINDOW_JOBS_MAX: Final = 10_000
# Payloads of waiting jobs kept in memory so that a claim need not read them back.
PAYLOAD_CACHE_BYTES_MAX: Final = 32 * MIB
# One payload larger than this is read back at its claim instead.
PAYLOAD_CACHE_ITEM_BYTES_MAX: Final = 16 * KIB
# Tenants of one fair queue whose turns are remembered; beyond it those that lose least by it are
# forgotten, and begin again as newcomers.
FAIR_TENANTS_MAX: Final = 2_048
# Tenants of one queue that wait apart because they run as many jobs as they may; each has at least
# that many other jobs running. Beyond it the queue waits until one of those ends.
LANES_MAX: Final = 1_000
# The least of a tenant's jobs that are in memory, however many tenants wait apart.
LANE_JOBS_MIN: Final = 4
# Tenants whose next jobs are asked for with one commit.
LANE_QUESTIONS_MAX: Final = 64
# Queues the server knows at once; each costs a window and a row of metrics.
QUEUES_MAX: Final = 10_000
# Claims that wait for a job, each counted once for every queue it names.
PARKED_CLAIMS_MAX: Final = 200_000
# What an estimate of a queue's pace remembers of the past, in time.
PACE_MS: Final = 30_000
# Submissions that wait for room in their queues, and the bytes of their payloads.
PARKED_SUBMISSIONS_MAX: Final = 10_000
PARKED_SUBMISSIONS_BYTES_MAX: Final = 64 * MIB
# What a full queue answers about when to submit again.
RETRY_AFTER_MS_MIN: Final = 100
RETRY_AFTER_MS_MAX: Final = 60_000
# Calls and waits that are parked until their job finishes.
WAITERS_MAX: Final = 1_000_000

# --- events --------------------------------------------------------------------------------------
STREAMS_MAX: Final = 10_000  # Each costs a record and, while it is read, a window.
STREAM_NAME_BYTES_MAX: Final = 255  # Of streams, groups and consumers; as long as a key of a job.
GROUPS_MAX: Final = 1_000  # Of one stream: each is looked at when the stream is trimmed.
CONSUMERS_MAX: Final = 10_000  # Of one group.
# Events that were delivered and not acknowledged: each is in memory, with some 200 bytes.
GROUP_PENDING_MAX: Final = 100_000
PENDING_EVENTS_MAX: Final = 1_000_000
# The last events of a stream that are in memory, for readers that keep up.
RECENT_EVENTS_MAX: Final = 1_000
RECENT_BYTES_MAX: Final = 256 * KIB
RECENT_TOTAL_BYTES_MAX: Final = 64 * MIB
# The next events of a group that is further behind.
AHEAD_EVENTS_MAX: Final = 512
AHEAD_BYTES_MAX: Final = 1 * MIB
AHEAD_TOTAL_BYTES_MAX: Final = 128 * MIB
# One event: all its fields.
EVENT_BYTES_MAX: Final = PAYLOAD_BYTES_MAX
EVENT_FIELDS_MAX: Final = 510  # What XADD, its stream and its id leave of one request's arguments.
# One reply to one question; a larger COUNT is cut to it.
RANGE_EVENTS_MAX: Final = 10_000
RANGE_BYTES_MAX: Final = 16 * MIB
# Single events that are read from the store at a time; each may be of the largest size.
PICK_EVENTS_MAX: Final = 64
# What is read of events with one commit, if all of it is of the largest size.
EVENT_READS_BYTES_MAX: Final = 64 * MIB
# Events that are removed with one commit, so that nobody waits for a trim.
TRIM_EVENTS_MAX: Final = 10_000
# Rows of dropped streams, and keys whose time is over, removed with one commit.
SWEEP_ROWS_MAX: Final = 5_000
# How often keys whose time is over are looked for.
SWEEP_EVERY_MS: Final = 60_000
READERS_MAX: Final = 100_000  # Reads that wait for an event.
HANDLED_KEEP_MS_DEFAULT: Final = 7 * 24 * 3_600_000
# A published event may be sent again under its key for this long.
PUBLISH_KEEP_MS_DEFAULT: Final = 24 * 3_600_000
# Commits for which the store's answer about a key is remembered. Of a longer backlog a commit takes
# the older half, so a million requests that came together are decided within so many.
PUBLISH_ANSWER_TURNS: Final = 16

# --- the journal ---------------------------------------------------------------------------------
# Changes that wait to be committed; beyond it connections are not read until fewer do.
BATCH_CHANGES_MAX: Final = 8_192
# Changes that are committed together in any case. Of a longer backlog a commit takes the older
# half, so that reading requests and writing jobs overlap.
BATCH_RUN_CHANGES: Final = 256
# Turns of the loop for which a commit lets in what has arrived already, while each brings some:
# replies to the last commit bring the next requests, and would just miss this one.
GATHER_TURNS_MAX: Final = 4
# Records and payloads that are read with one commit: each may be of the largest size.
BATCH_READS_MAX: Final = 64
# Payload and result bytes that wait to be committed; the same rule.
BATCH_BYTES_MAX: Final = 128 * MIB
# After a commit that found no room, how long until completions are tried again.
FULL_PAUSE_SECONDS: Final = 0.2
# Without a commit for this long the store does its housekeeping.
REST_AFTER_SECONDS: Final = 2.0
# How often finished jobs whose time is over are looked for.
REMOVAL_EVERY_SECONDS: Final = 1.0
# Expired jobs removed with one commit, so that nobody waits for a removal.
REMOVAL_JOBS_MAX: Final = 500

# --- workers -------------------------------------------------------------------------------------
WORKERS_MAX: Final = 1_024
# Async tasks that one worker process runs at a time; sync tasks run one by one.
CONCURRENCY_DEFAULT: Final = 100
CONCURRENCY_MAX: Final = 10_000
WORKER_RESTART_BASE_SECONDS: Final = 0.1  # Doubled at each early death, with jitter, up to the cap.
WORKER_RESTART_CAP_SECONDS: Final = 30.0
# Bytes a second of what tasks print that reach the log; the rest is counted and dropped.
WORKER_OUTPUT_BYTES_MAX: Final = 64 * KIB
# Jobs a worker may hold beyond the one it runs, when they are this short.
PREFETCH_JOBS_MAX: Final = 32
PREFETCH_MS_MAX: Final = 10

# --- the client ----------------------------------------------------------------------------------
# Requests of one connection that are not answered: as many as a server reads by default.
CLIENT_REQUESTS_MAX: Final = REQUESTS_IN_FLIGHT_MAX
# Bytes of those requests, which are kept to be sent again; one larger request goes alone.
CLIENT_REQUESTS_BYTES_MAX: Final = 16 * MIB
# Requests of a pipeline that are collected before they are sent.
CLIENT_PIPELINE_REQUESTS_MAX: Final = 1_024
# How long unanswered requests are sent again to a server that does not answer.
CLIENT_RETRY_MS_DEFAULT: Final = 30_000
CLIENT_BACKOFF_BASE_SECONDS: Final = 0.05  # Doubled at each failure, full jitter below it.
CLIENT_BACKOFF_CAP_SECONDS: Final = 2.0
# One attempt to connect, with the handshake; a server under load accepts late.
CLIENT_CONNECT_SECONDS: Final = 10.0
# Beyond the time that a request may wait by itself: a commit on a disk that stalls.
CLIENT_ANSWER_SECONDS: Final = 30.0
# The slowest line a large request is expected to be sent over, in bytes a second.
CLIENT_SLOWEST_BYTES: Final = 16 * KIB
# For what was written before to leave, when a client closes.
CLIENT_CLOSE_SECONDS: Final = 1.0
# Types of results whose decoders are kept ready.
CLIENT_DECODERS_MAX: Final = 1_024

# --- the client's subscriptions ------------------------------------------------------------------
# One blocked read; then the same is asked again, which shows that the server is still there.
CLIENT_READ_WAIT_MS: Final = 60_000
# Events of one read ...
CLIENT_READ_EVENTS_DEFAULT: Final = 100
CLIENT_READ_EVENTS_MAX: Final = 500
# ... but of a group no more than are handled in this time: others of the group may be idle.
CLIENT_HOLD_SECONDS: Final = 1.0
# Events that a group's consumer finished are acknowledged together: so many, or after so long.
CLIENT_FINISHED_EVENTS_MAX: Final = 100
CLIENT_FINISHED_SECONDS: Final = 0.02
# After this long without a word an event's consumer is taken for dead.
CLIENT_TAKE_OVER_MS_DEFAULT: Final = 60_000
CLIENT_TAKE_OVER_MS_MIN: Final = 100
# What its consumer gave back is as if it had been left so long ago: anybody takes it at once.
CLIENT_GIVEN_BACK_MS: Final = 24 * 3_600_000
# Events that are taken over with one request, at least: it looks at ten times as many.
CLIENT_TAKE_OVER_EVENTS_MIN: Final = 16
# Before a handler that failed is called again; doubled at each failure, full jitter below it.
CLIENT_HANDLER_BACKOFF_BASE_SECONDS: Final = 0.5
CLIENT_HANDLER_BACKOFF_CAP_SECONDS: Final = 60.0

# --- the client's outbox -------------------------------------------------------------------------
# The high-water mark: what waits or was refused. An hour of 28 submissions a second.
OUTBOX_ENTRIES_MAX_DEFAULT: Final = 100_000
OUTBOX_BYTES_MAX_DEFAULT: Final = 256 * MIB
# Entries that are on their way to the server at a time, and their bytes; a larger one goes alone.
OUTBOX_WINDOW_ENTRIES_MAX: Final = 512
OUTBOX_WINDOW_BYTES_MAX: Final = 4 * MIB
# Entries looked at for a window: of one group or key only the first may go.
OUTBOX_SCAN_ENTRIES_MAX: Final = 1_024
# How often a process looks for what others did to the file that they share.
OUTBOX_LOOK_SECONDS: Final = 0.1
# The longest that a server's own word about trying again is followed.
OUTBOX_PAUSE_SECONDS_MAX: Final = 30.0
# Acknowledged entries are kept this long to be asked for, and at most so many.
OUTBOX_ACKNOWLEDGED_KEEP_MS_DEFAULT: Final = 3_600_000
OUTBOX_ACKNOWLEDGED_MAX_DEFAULT: Final = 10_000
# Of them, those that are removed at a time.
OUTBOX_REMOVALS_MAX: Final = 1_024
# Spilling beyond the mark ends while this much is left of the disk for everybody else.
OUTBOX_DISK_FREE_MIN: Final = 64 * MIB
# How long closing waits for what a server that answers has not acknowledged.
OUTBOX_CLOSE_MS_DEFAULT: Final = 1_000
# A larger file is not read whole when it is opened.
OUTBOX_CHECK_BYTES_MAX: Final = 64 * MIB
OUTBOX_LIST_ENTRIES_DEFAULT: Final = 1_000
# For a program that looks into the file, such as a backup; our own take turns by a lock.
OUTBOX_BUSY_SECONDS: Final = 5.0

# --- being observed ------------------------------------------------------------------------------
# Queues with rows of their own on the metrics page; each costs some fifty lines of every scrape.
METRICS_QUEUES_MAX: Final = 200
# Likewise streams, and groups of all streams: two lines each.
METRICS_STREAMS_MAX: Final = 1_000
METRICS_GROUPS_MAX: Final = 1_000
# Open HTTP connections: a few scrapers and probes. From half of it on, answers are 503.
HTTP_CONNECTIONS_MAX: Final = 128
# Request line and headers.
HTTP_REQUEST_BYTES_MAX: Final = 16 * KIB
# Seconds from a connection, or its last answer, until the next answer is read in full.
HTTP_EXCHANGE_SECONDS: Final = 30.0
HTTP_KEEP_ALIVE_SECONDS: Final = 5
# Characters of one value in the log: a peer decides how long a task's error is.
LOG_VALUE_CHARACTERS_MAX: Final = 4_096

# Jobs that died, expired or were dropped, each with a line of its own; of the others of a second
# it is logged how many they were.
JOB_LOG_LINES_MAX: Final = 20
# Likewise events that triggers gave up, and runs of schedules that no job was made of.
EVENT_LOG_LINES_MAX: Final = 20

# --- triggers ------------------------------------------------------------------------------------
TRIGGERS_MAX: Final = 1_000
# From an event of a job's life to the job that it fires, to the events of that, and so on. Each job
# has three or more, so that a loop without MATCH makes some hundreds of jobs before it ends.
TRIGGER_DEPTH_MAX: Final = 5
# Events that one trigger handles with one commit; then it is another's turn.
TRIGGER_EVENTS_MAX: Final = 100
# Jobs that all triggers together submit with one commit, and about how many bytes of payload.
TRIGGER_JOBS_MAX: Final = 1_000
TRIGGER_BYTES_MAX: Final = 16 * MIB
# Events that all triggers together are shown with one commit, and about how many bytes: those that
# do not match make no jobs, but nobody is served while they are compared.
TRIGGER_SHOWS_MAX: Final = 10_000
TRIGGER_SHOWN_BYTES_MAX: Final = 64 * MIB
# How long a trigger waits whose job was refused by a full queue or a low disk; the longer it has
# waited, the longer it waits again, as a thousand of them may wait for one queue.
TRIGGER_RETRY_MS: Final = 200
TRIGGER_RETRY_MS_MAX: Final = 2_000
TRIGGER_MATCHES_MAX: Final = 16  # Fields that one trigger compares.
# A pattern is compared at each place of a value, which may have a megabyte.
PATTERN_BYTES_MAX: Final = 255
TEMPLATE_BYTES_MAX: Final = 64 * KIB
TEMPLATE_PLACES_MAX: Final = 256  # Each is filled anew for every event.

# --- schedules -----------------------------------------------------------------------------------
SCHEDULES_MAX: Final = 10_000
CRON_EXPRESSION_BYTES_MAX: Final = 255
# A run that is later than this was missed: the server was down, or the clock was set forward.
CRON_LATE_MS: Final = 60_000
# Of the runs that were missed, those that MISSED all makes up for, the latest ones.
CRON_MISSED_DEFAULT: Final = 100
CRON_MISSED_MAX: Final = 1_000
# Runs that are counted as skipped at a time; of a year of seconds nobody wants the exact number.
CRON_SKIPPED_COUNT_MAX: Final = 1_000
CRON_JITTER_MS_MAX: Final = 24 * 3_600_000
# A schedule that is further ahead of the clock than this followed a wrong clock, and begins anew.
CRON_AHEAD_MS_MAX: Final = 24 * 3_600_000
# Schedules that run with one commit.
CRON_DUE_MAX: Final = 100
# How long a schedule waits whose job was refused by a full queue or a low disk.
CRON_RETRY_MS: Final = 1_000
CRON_NEXT_DEFAULT: Final = 10
CRON_NEXT_MAX: Final = 1_000  # COUNT of one CRON.NEXT.

# --- shutting down -------------------------------------------------------------------------------
DRAIN_MS_DEFAULT: Final = 30_000  # For jobs that are running; then they are given back.
DRAIN_STEP_MS: Final = 5_000  # For each of the other phases.

assert UNAUTHENTICATED_ARGUMENTS_MAX < ARGUMENTS_MAX
assert UNAUTHENTICATED_ARGUMENT_BYTES_MAX < ARGUMENT_BYTES_MAX
assert PAYLOAD_BYTES_MAX <= ARGUMENT_BYTES_MAX
assert RESULT_BYTES_MAX <= ARGUMENT_BYTES_MAX
assert ARGUMENT_BYTES_MAX < REQUEST_BYTES_MAX
assert CLAIM_QUEUES_MAX < ARGUMENTS_MAX
assert OUTPUT_PAUSE_BYTES < OUTPUT_BYTES_MAX
assert OUTPUT_BYTES_MAX <= OUTPUT_BYTES_CEILING
assert CONNECTIONS_MAX <= CONNECTIONS_CEILING
assert REQUESTS_IN_FLIGHT_MAX <= REQUESTS_IN_FLIGHT_CEILING
assert RESULT_KEEP_MS_DEFAULT <= KEEP_MS_MAX
assert DEAD_KEEP_MS_DEFAULT <= KEEP_MS_MAX
assert TRANSACTION_COMMANDS_MAX <= BATCH_CHANGES_MAX
assert ARGUMENT_BYTES_MAX <= TRANSACTION_BYTES_MAX <= BATCH_BYTES_MAX
assert ARGUMENT_BYTES_MAX <= BATCH_BYTES_MAX
assert QUEUE_WINDOW_JOBS_MIN < QUEUE_WINDOW_JOBS_MAX <= WINDOWS_JOBS_MAX
assert PAYLOAD_BYTES_MAX <= ARGUMENT_BYTES_MAX <= PARKED_SUBMISSIONS_BYTES_MAX
assert LANE_JOBS_MIN <= QUEUE_WINDOW_JOBS_MIN
assert RETRY_AFTER_MS_MIN < RETRY_AFTER_MS_MAX
assert PAYLOAD_CACHE_ITEM_BYTES_MAX < PAYLOAD_CACHE_BYTES_MAX
assert RETRY_BASE_MS < RETRY_CAP_MS
assert 3 + 2 * EVENT_FIELDS_MAX <= ARGUMENTS_MAX
assert EVENT_BYTES_MAX <= AHEAD_BYTES_MAX <= RANGE_BYTES_MAX <= EVENT_READS_BYTES_MAX
assert PICK_EVENTS_MAX * EVENT_BYTES_MAX <= EVENT_READS_BYTES_MAX <= AHEAD_TOTAL_BYTES_MAX
assert GROUP_PENDING_MAX <= PENDING_EVENTS_MAX
assert RECENT_BYTES_MAX < RECENT_TOTAL_BYTES_MAX
assert CLIENT_BACKOFF_BASE_SECONDS < CLIENT_BACKOFF_CAP_SECONDS
assert CLIENT_READ_EVENTS_DEFAULT <= CLIENT_READ_EVENTS_MAX
assert 2 * CLIENT_READ_EVENTS_MAX < ARGUMENTS_MAX
assert CLIENT_HANDLER_BACKOFF_BASE_SECONDS < CLIENT_HANDLER_BACKOFF_CAP_SECONDS
assert CLIENT_PIPELINE_REQUESTS_MAX <= CLIENT_REQUESTS_MAX <= REQUESTS_IN_FLIGHT_MAX
assert CLIENT_REQUESTS_BYTES_MAX < REQUEST_BYTES_MAX
assert OUTBOX_WINDOW_ENTRIES_MAX <= OUTBOX_SCAN_ENTRIES_MAX
assert OUTBOX_WINDOW_ENTRIES_MAX <= CLIENT_REQUESTS_MAX
assert CLAIM_WAIT_MS_DEFAULT <= CLAIM_WAIT_MS_MAX
assert CALL_WAIT_MS_DEFAULT <= CALL_WAIT_MS_MAX
assert CONCURRENCY_DEFAULT <= CONCURRENCY_MAX
assert TRIGGER_EVENTS_MAX <= TRIGGER_JOBS_MAX <= BATCH_CHANGES_MAX
assert TRIGGER_JOBS_MAX <= TRIGGER_SHOWS_MAX
assert TRIGGER_RETRY_MS <= TRIGGER_RETRY_MS_MAX
assert CRON_DUE_MAX <= BATCH_CHANGES_MAX
assert CRON_MISSED_DEFAULT <= CRON_MISSED_MAX <= BATCH_CHANGES_MAX
