"""The command table, first part: jobs and queues."""

from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, Parameter
from penstock.protocol.options import (
    CALL_OPTIONS,
    CLAIM_OPTIONS,
    FAIL_OPTIONS,
    INTEGER_MAX,
    SUBMIT_OPTIONS,
    WAIT_OPTIONS,
)

_SINCE: Final = "0.1.0"

_TASK: Final = Parameter("task", Kind.NAME, "The name of the code that a worker runs.")
_PAYLOAD: Final = Parameter(
    "payload", Kind.BYTES, "What the task gets; the server never looks inside."
)
_ID: Final = Parameter("id", Kind.NUMBER, "The job's id.", minimum=1, maximum=INTEGER_MAX)
_ATTEMPT: Final = Parameter(
    "attempt",
    Kind.NUMBER,
    "The attempt as JOB.CLAIM gave it: the lease's token.",
    minimum=1,
    maximum=INTEGER_MAX,
)

_STORING_ERRORS: Final = (
    ErrorCode.TOOLARGE,
    ErrorCode.DISKFULL,
    ErrorCode.UNKNOWN,
)
_SUBMIT_ERRORS: Final = (
    ErrorCode.KEYREUSED,
    *_STORING_ERRORS,
    ErrorCode.DRAINING,
    ErrorCode.OVERLOADED,
)

_LEASE_NOTE: Final = (
    "The lease lasts the job's timeout and "
    f"{limits.LEASE_GRACE_MS // 1000} seconds of grace, and belongs to the connection: when the "
    "connection is lost, its jobs are given to others at once."
)

_SUBMITTING: Final = (
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
        "stored again: the reply is the first job's id. Any task name is accepted, since the "
        "workers that know it may come later.",
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
        errors=(ErrorCode.DEAD, ErrorCode.TIMEOUT, *_SUBMIT_ERRORS),
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
            ErrorCode.DEAD,
            ErrorCode.TIMEOUT,
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
        notes="Names: id, queue, task, state (scheduled, ready, claimed, completed or dead), "
        "priority, attempt (claims so far), failures, attempts_max, timeout_ms, submitted_at, "
        "due_at, claimed_at, finished_at, remove_at, key, payload, result, errors. Times are "
        "milliseconds since 1970, UTC; what is absent is null. errors is an array with, for each "
        "attempt that failed, attempt, worker, claimed_at, failed_at and error.",
    ),
)

_WORKING: Final = (
    Command(
        name="JOB.CLAIM",
        arity=-2,
        category="job",
        summary="Take ready jobs to run them, the most urgent first.",
        since=_SINCE,
        reply="Array of jobs, each an array: id, attempt, queue, task, payload, timeout in ms. "
        "Empty when the wait ended or the server drains.",
        flags=frozenset({Flag.BLOCKING, Flag.WORKER}),
        complexity="O(M log N) with M jobs taken of N waiting.",
        parameters=(
            Parameter(
                "queue",
                Kind.NAME,
                f"Queues to take from, at most {limits.CLAIM_QUEUES_MAX}.",
                multiple=True,
            ),
        ),
        options=CLAIM_OPTIONS,
        errors=(ErrorCode.OVERLOADED, ErrorCode.UNKNOWN),
        notes=f"{_LEASE_NOTE} The reply comes as soon as one job is ready. The first argument is "
        "a queue whatever it is called; further ones are queues up to the first COUNT or WAIT, so "
        "a queue of that name is put first. Later commands of the connection are carried out "
        "meanwhile, their replies wait for this one: send them over a second connection, or claim "
        "with WAIT 0, when that matters.",
    ),
    Command(
        name="JOB.COMPLETE",
        arity=-3,
        category="job",
        summary="Say that an attempt succeeded, and store its result.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WRITE, Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(
            _ID,
            _ATTEMPT,
            Parameter(
                "result", Kind.BYTES, "What the callers get; empty by default.", optional=True
            ),
        ),
        errors=(ErrorCode.LEASELOST, *_STORING_ERRORS),
        notes="The reply comes after the result is on disk. Completing again with the same "
        "attempt is OK and changes nothing, so it may be sent again after a lost reply.",
    ),
    Command(
        name="JOB.FAIL",
        arity=-4,
        category="job",
        summary="Say that an attempt failed; the job is tried again unless it is used up.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WRITE, Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(log N) with N jobs waiting.",
        parameters=(
            _ID,
            _ATTEMPT,
            Parameter(
                "error",
                Kind.TEXT,
                "First line `Type: message`, then the traceback. What is longer than "
                f"{limits.ERROR_BYTES_MAX} bytes loses its middle.",
            ),
        ),
        options=FAIL_OPTIONS,
        errors=(ErrorCode.LEASELOST, ErrorCode.DISKFULL, ErrorCode.UNKNOWN),
        notes="The next attempt comes after a delay that doubles with each failure, with jitter. "
        "Bytes that are not UTF-8 are replaced: a report must not be lost.",
    ),
    Command(
        name="JOB.EXTEND",
        arity=-3,
        category="job",
        summary="Make the lease of an attempt last longer.",
        since=_SINCE,
        reply="Integer: the milliseconds from now until the lease ends.",
        flags=frozenset({Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(
            _ID,
            _ATTEMPT,
            Parameter(
                "ms",
                Kind.NUMBER,
                "How long from now; the job's timeout by default.",
                minimum=1,
                maximum=limits.TIMEOUT_MS_MAX,
                optional=True,
            ),
        ),
        errors=(ErrorCode.LEASELOST,),
    ),
    Command(
        name="JOB.RELEASE",
        arity=3,
        category="job",
        summary="Give a job back unfinished; this does not count as a failure.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WRITE, Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(log N) with N jobs waiting.",
        parameters=(_ID, _ATTEMPT),
        errors=(ErrorCode.LEASELOST, ErrorCode.DISKFULL, ErrorCode.UNKNOWN),
    ),
)

_QUEUES: Final = (
    Command(
        name="QUEUE.LIST",
        arity=1,
        category="queue",
        summary="List the queues and how many jobs they hold.",
        since=_SINCE,
        reply="Array with, for each queue, a flat array of names and values.",
        reply3="Array of maps.",
        flags=frozenset({Flag.WHEN_DRAINING}),
        complexity="O(N) with N queues.",
        notes="Names: name, ready, scheduled, claimed, completed, dead.",
    ),
    Command(
        name="QUEUE.SHOW",
        arity=2,
        category="queue",
        summary="Show one queue: how many jobs it holds and what happened to them.",
        since=_SINCE,
        reply="Array of names and values, flat.",
        reply3="Map.",
        flags=frozenset({Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(Parameter("name", Kind.NAME, "The queue."),),
        errors=(ErrorCode.NOQUEUE,),
        notes="Names: those of QUEUE.LIST; submitted, duplicates, claims, completions, failures, "
        "retries, deaths, releases and expirations, counted since the server started; "
        "waiting_claims. More may come: read them by name.",
    ),
)

JOB_COMMANDS: Final = (*_SUBMITTING, *_WORKING, *_QUEUES)
