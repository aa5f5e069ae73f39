"""The command table: jobs, for those who want work done."""

from typing import Final

from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, Parameter
from penstock.protocol.options import (
    CALL_OPTIONS,
    SUBMIT_OPTIONS,
    WAIT_OPTIONS,
)
from penstock.protocol.values import INTEGER_MAX

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
    *_STORING_ERRORS,
    ErrorCode.DRAINING,
    ErrorCode.OVERLOADED,
)

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
