"""The command table: jobs, for those who want work done."""

from typing import Final

from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, OptionUse, Parameter
from penstock.protocol.options import (
    CALL_OPTIONS,
    CANCEL_OPTIONS,
    DISCARD_OPTIONS,
    LIST_OPTIONS,
    REDRIVE_OPTIONS,
    SUBMIT_OPTIONS,
    WAIT_OPTIONS,
)
from penstock.protocol.states import STATES
from penstock.protocol.values import INTEGER_MAX, either

_SINCE: Final = "0.1.0"

_TASK: Final = Parameter("task", Kind.NAME, "The name of the code that a worker runs.")
_PAYLOAD: Final = Parameter(
    "payload", Kind.BYTES, "What the task gets; the server never looks inside."
)
_ID: Final = Parameter("id", Kind.NUMBER, "The job's id.", minimum=1, maximum=INTEGER_MAX)

_STORING_ERRORS: Final = (
    ErrorCode.TOOLARGE,
    ErrorCode.DISKFULL,
    ErrorCode.UNKNOWN,
)
_SUBMIT_ERRORS: Final = (
    ErrorCode.KEYREUSED,
    ErrorCode.QUEUEFULL,
    *_STORING_ERRORS,
    ErrorCode.DISKLOW,
    ErrorCode.DRAINING,
    ErrorCode.OVERLOADED,
)
_END_ERRORS: Final = (
    ErrorCode.DEAD,
    ErrorCode.CANCELLED,
    ErrorCode.EXPIRED,
    ErrorCode.TIMEOUT,
)
_CHANGE_ERRORS: Final = (ErrorCode.DISKFULL, ErrorCode.UNKNOWN)

JOB_COMMANDS: Final = (
    Command(
        name="JOB.SUBMIT",
        arity=-3,
        category="job",
        summary="Store a job to be run, and say its id.",
        since=_SINCE,
        reply="Integer: the job's id.",
        flags=frozenset({Flag.WRITE, Flag.TRANSACTION}),
        complexity="O(log N) with N jobs waiting.",
        parameters=(_TASK, _PAYLOAD),
        options=SUBMIT_OPTIONS,
        errors=_SUBMIT_ERRORS,
        notes="The reply comes after the job is on disk. A job whose key was met before is not "
        "stored again: the reply is the first job's id. With WINDOW the key is free again "
        "after that time, whatever became of the job: a throttle. With REPLACE a job of the key "
        "that still waits is cancelled in the same commit, and this one has its key: a "
        "debounce. Any task name is accepted, since the workers that know it may come later.",
    ),
    Command(
        name="JOB.CALL",
        arity=-3,
        category="job",
        summary="Store a job, wait until it finished, and give its result.",
        since=_SINCE,
        reply="Bulk string: the result.",
        flags=frozenset({Flag.WRITE, Flag.BLOCKING}),
        complexity="O(log N) with N jobs waiting.",
        parameters=(_TASK, _PAYLOAD),
        options=CALL_OPTIONS,
        errors=(*_END_ERRORS, *_SUBMIT_ERRORS),
        notes="Later commands of the connection are carried out meanwhile; their replies wait "
        "for this one. When the wait ends or the connection is lost, the job goes on. With the "
        "key of a job that finished already, the reply is its result.",
    ),
    Command(
        name="JOB.WAIT",
        arity=-2,
        category="job",
        summary="Wait until a job finished, and give its result.",
        since=_SINCE,
        reply="Bulk string: the result.",
        flags=frozenset({Flag.BLOCKING, Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(_ID,),
        options=WAIT_OPTIONS,
        errors=(
            *_END_ERRORS,
            ErrorCode.NOJOB,
            ErrorCode.DRAINING,
            ErrorCode.OVERLOADED,
        ),
        notes="Later commands of the connection are carried out meanwhile; their replies wait "
        "for this one.",
    ),
    Command(
        name="JOB.SHOW",
        arity=2,
        category="job",
        summary="Show everything that is known about a job.",
        since=_SINCE,
        reply="Array of names and values, flat.",
        reply3="Map.",
        flags=frozenset({Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(_ID,),
        errors=(ErrorCode.NOJOB,),
        notes=f"Names: id, queue, task, state ({either(STATES)}), "
        "priority, attempt (claims so far), failures, releases (times it was given back), "
        "attempts_max, timeout_ms, submitted_at, due_at, claimed_at, finished_at, remove_at, key, "
        "tenant, group, producer (the name of the connection that submitted it), expires_at, "
        "keep_ms, retry, payload_bytes, cancel_asked_at, reason, payload, result, errors, "
        "progress, output, waits_for. Times are milliseconds since 1970, UTC; what is absent is "
        "null. retry is what the submission said: base_ms, cap_ms, jitter (full or none) and "
        "delays_ms. errors is an array with, for each attempt that failed, attempt, worker, "
        "claimed_at, failed_at, error and output. progress (percent, note and at) and output, the "
        "end of what it printed, are those of the attempt that runs. waits_for is there while the "
        "job waits: why, as a sentence; cause (due, group, paused, concurrency, "
        "tenant_concurrency, rate, behind, no_worker or reordering); behind, how many jobs go "
        "before it, and behind_at_least, whether only so many were counted; since; estimate_ms, "
        "how long it takes at the queue's pace, or null if nobody knows; holder, the job that "
        "holds its group.",
    ),
    Command(
        name="JOB.LIST",
        arity=-1,
        category="job",
        summary="List jobs, the oldest first, a page at a time.",
        since=_SINCE,
        reply="Array of two: the cursor of the next page, and an array with, for each job, a "
        "flat array of names and values.",
        reply3="Array of two: the cursor of the next page, and an array of maps.",
        flags=frozenset({Flag.WHEN_DRAINING}),
        complexity="O(M) with M jobs looked at, however deep the page is; a page has a bound.",
        options=LIST_OPTIONS,
        notes="Names: id, queue, task, state, priority, attempt, failures, releases, tenant, "
        "group, key, submitted_at, due_at, claimed_at, finished_at, reason, error (the first line "
        "of the last failure). The cursor 0 is the end. A page may hold fewer jobs than COUNT, or "
        "none, before the end: it looks at a bounded number of jobs. A job that is there during "
        "the whole listing is found once; others may be found or not.",
    ),
    Command(
        name="JOB.CANCEL",
        arity=-2,
        category="job",
        summary="Cancel a job: it is not run any more, and its worker is told to stop.",
        since=_SINCE,
        reply="Simple string: CANCELLED when it will not run, or not again; TOLD when an attempt "
        "runs and was told to stop.",
        flags=frozenset({Flag.WRITE, Flag.WHEN_DRAINING}),
        complexity="O(log N) with N jobs waiting.",
        parameters=(_ID,),
        options=CANCEL_OPTIONS,
        errors=(ErrorCode.NOJOB, ErrorCode.FINISHED, *_CHANGE_ERRORS),
        notes="Cancelling a cancelled job is CANCELLED again, and TOLD while it still runs. The "
        "worker that holds it gets the push `cancel`, id, attempt if its connection speaks RESP3, "
        "and the error CANCELLED to its next JOB.EXTEND, JOB.PROGRESS or JOB.OUTPUT. An attempt "
        "that completes all the same has completed.",
    ),
    Command(
        name="JOB.REDRIVE",
        arity=-2,
        category="job",
        summary="Let jobs that are dead, cancelled or expired run again.",
        since=_SINCE,
        reply="Integer: how many jobs are or, with RATE, are being redriven.",
        flags=frozenset({Flag.WRITE}),
        complexity="O(M log N) with M jobs redriven of N waiting.",
        parameters=(_ID,),
        options=REDRIVE_OPTIONS,
        option_use=OptionUse.INSTEAD,
        errors=(
            ErrorCode.NOJOB,
            ErrorCode.NOQUEUE,
            ErrorCode.FINISHED,
            *_CHANGE_ERRORS,
            ErrorCode.DRAINING,
            ErrorCode.OVERLOADED,
        ),
        notes="By its id a job is redriven that is dead, cancelled or expired; of a queue its "
        "dead ones. A redriven job has no failures, and all its attempts again; the number of the "
        "attempt goes on. Its errors stay to be seen. Of a queue those are redriven that were dead "
        "when it was asked; many at once are redriven a slice at a time, so that others are served "
        "between.",
    ),
    Command(
        name="JOB.DISCARD",
        arity=-2,
        category="job",
        summary="Remove jobs that finished, before their time.",
        since=_SINCE,
        reply="Integer: how many jobs were removed.",
        flags=frozenset({Flag.WRITE, Flag.WHEN_DRAINING}),
        complexity="O(M) with M jobs removed.",
        parameters=(_ID,),
        options=DISCARD_OPTIONS,
        option_use=OptionUse.INSTEAD,
        errors=(
            ErrorCode.NOJOB,
            ErrorCode.NOQUEUE,
            *_CHANGE_ERRORS,
            ErrorCode.DRAINING,
            ErrorCode.OVERLOADED,
        ),
        notes="By its id any job is removed that finished; of a queue its dead ones. What is "
        "removed is gone, with its result, its errors and its key.",
    ),
)
