"""The command table: what workers say."""

from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, Parameter
from penstock.protocol.options import CLAIM_OPTIONS, FAIL_OPTIONS, RELEASE_OPTIONS
from penstock.protocol.values import INTEGER_MAX

_SINCE: Final = "0.1.0"

_ID: Final = Parameter("id", Kind.NUMBER, "The job's id.", minimum=1, maximum=INTEGER_MAX)
_ATTEMPT: Final = Parameter(
    "attempt",
    Kind.NUMBER,
    "The attempt as JOB.CLAIM gave it: the lease's token.",
    minimum=1,
    maximum=INTEGER_MAX,
)

_STORING_ERRORS: Final = (ErrorCode.TOOLARGE, ErrorCode.DISKFULL, ErrorCode.UNKNOWN)

_LEASE_NOTE: Final = (
    "The lease lasts the job's timeout and "
    f"{limits.LEASE_GRACE_MS // 1000} seconds of grace, and belongs to the connection: when the "
    "connection is lost, its jobs are given to others at once."
)

WORKER_COMMANDS: Final = (
    Command(
        name="JOB.CLAIM",
        arity=-2,
        category="job",
        summary="Take ready jobs to run them, the most urgent first.",
        since=_SINCE,
        reply="Array of jobs, each an array: id, attempt, queue, task, payload, timeout in ms, "
        "failures, releases. Empty when the wait ended or the server drains.",
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
        "with WAIT 0, when that matters. failures is how many attempts failed, releases how often "
        "the job was given back; more elements may follow in later releases.",
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
        notes="The next attempt comes after a delay that doubles with each failure, with jitter, "
        "unless the submission, the queue or AFTER say otherwise. A job that was told to stop is "
        "cancelled, whatever is said here. Bytes that are not UTF-8 are replaced: a report must "
        "not be lost.",
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
        errors=(ErrorCode.LEASELOST, ErrorCode.CANCELLED),
    ),
    Command(
        name="JOB.RELEASE",
        arity=-3,
        category="job",
        summary="Give a job back unfinished; this does not count as a failure.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WRITE, Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(log N) with N jobs waiting.",
        parameters=(_ID, _ATTEMPT),
        options=RELEASE_OPTIONS,
        errors=(ErrorCode.LEASELOST, ErrorCode.DISKFULL, ErrorCode.UNKNOWN),
        notes="With DELAY the job is run again after that time at the earliest: a snooze.",
    ),
    Command(
        name="JOB.PROGRESS",
        arity=-4,
        category="job",
        summary="Say how far an attempt is, for those who look at the job.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(
            _ID,
            _ATTEMPT,
            Parameter("percent", Kind.NUMBER, "How much is done.", maximum=100),
            Parameter(
                "note",
                Kind.TEXT,
                "What is being done.",
                maximum=limits.NOTE_BYTES_MAX,
                optional=True,
            ),
        ),
        errors=(ErrorCode.LEASELOST, ErrorCode.CANCELLED),
        notes="JOB.SHOW shows the last one while the attempt runs; it is not stored.",
    ),
    Command(
        name="JOB.OUTPUT",
        arity=4,
        category="job",
        summary="Add to what an attempt printed.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WORKER, Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(
            _ID,
            _ATTEMPT,
            Parameter(
                "text",
                Kind.TEXT,
                f"What it printed; the last {limits.JOB_OUTPUT_BYTES_MAX} bytes of all are kept.",
            ),
        ),
        errors=(ErrorCode.LEASELOST, ErrorCode.CANCELLED),
        notes="JOB.SHOW shows it while the attempt runs; if the attempt fails it is stored with "
        "its error.",
    ),
)
