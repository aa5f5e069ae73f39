"""The options of the commands about jobs, as data: one source for parsing and for docs."""

from typing import Final

from penstock.config import limits
from penstock.protocol.grammar import Kind, Option
from penstock.protocol.states import STATE_FILTERS
from penstock.protocol.values import INSTANT_MAX, INTEGER_MAX

_RETRY_BASE: Final = Option(
    "RETRY-BASE",
    "ms",
    Kind.NUMBER,
    "The longest wait before the first retry; it doubles with each failure.",
    minimum=1,
    maximum=limits.DELAY_MS_MAX,
    default=f"{limits.RETRY_BASE_MS}, unless configured",
)
_RETRY_CAP: Final = Option(
    "RETRY-CAP",
    "ms",
    Kind.NUMBER,
    "The longest wait before any retry.",
    minimum=1,
    maximum=limits.DELAY_MS_MAX,
    default=f"{limits.RETRY_CAP_MS}, unless configured",
)
_RETRY_JITTER: Final = Option(
    "RETRY-JITTER",
    "full|none",
    Kind.WORD,
    "Whether a wait is drawn at random from below its longest, or is the longest.",
    words=("full", "none"),
    default="full, unless configured",
)
_RETRY_DELAYS: Final = Option(
    "RETRY-DELAYS",
    "ms,ms,...",
    Kind.NUMBERS,
    "The waits themselves, in place of the three above; the last one repeats.",
    maximum=limits.DELAY_MS_MAX,
    excludes=("RETRY-BASE", "RETRY-CAP", "RETRY-JITTER"),
    default="none",
)
RETRY_OPTIONS: Final = (_RETRY_BASE, _RETRY_CAP, _RETRY_JITTER, _RETRY_DELAYS)

SUBMIT_OPTIONS: Final = (
    Option(
        "QUEUE",
        "name",
        Kind.NAME,
        "The queue the job waits in; it comes into being with its first job.",
        default="default",
    ),
    Option(
        "PRIORITY",
        "n",
        Kind.NUMBER,
        "The smaller runs first; first in, first out among equals.",
        maximum=limits.PRIORITY_MAX,
        default=f"{limits.PRIORITY_DEFAULT}",
    ),
    Option(
        "DELAY",
        "ms",
        Kind.NUMBER,
        "How long from now the job is not run.",
        maximum=limits.DELAY_MS_MAX,
        default="0",
        group="due",
    ),
    Option(
        "AT",
        "unix-ms",
        Kind.NUMBER,
        "The instant before which the job is not run: in the past means now, at most a year ahead.",
        maximum=INSTANT_MAX,
        default="now",
        group="due",
    ),
    Option(
        "TIMEOUT",
        "ms",
        Kind.NUMBER,
        "How long one attempt may run.",
        minimum=1,
        maximum=limits.TIMEOUT_MS_MAX,
        default=f"{limits.TIMEOUT_MS_DEFAULT}, unless configured",
    ),
    Option(
        "ATTEMPTS",
        "n",
        Kind.NUMBER,
        "How many attempts may fail before the job is dead.",
        minimum=1,
        maximum=limits.ATTEMPTS_MAX,
        default=f"{limits.ATTEMPTS_DEFAULT}, unless configured",
    ),
    Option(
        "KEY",
        "key",
        Kind.KEY,
        "The idempotency key: sent again, it finds the first job instead of making another.",
        default="none",
    ),
    Option(
        "WINDOW",
        "ms",
        Kind.NUMBER,
        "With KEY: from the submission on, the key finds this job for so long only.",
        minimum=1,
        maximum=limits.KEY_WINDOW_MS_MAX,
        default="as long as the job is kept",
        group="again",
        needs="KEY",
    ),
    Option(
        "REPLACE",
        "replace",
        Kind.FLAG,
        "With KEY: a job of this key that still waits is cancelled, and this one has its place.",
        group="again",
        needs="KEY",
    ),
    Option("TENANT", "name", Kind.NAME, "For whom it is done; a fair queue shares among tenants."),
    Option(
        "GROUP",
        "key",
        Kind.KEY,
        "Of the jobs of a queue and a group one runs at a time, in the order of submission.",
    ),
    Option(
        "DEADLINE",
        "ms",
        Kind.NUMBER,
        "From now: a job that was not begun until then expires, and is not run.",
        minimum=1,
        maximum=limits.DEADLINE_MS_MAX,
    ),
    Option(
        "KEEP",
        "ms",
        Kind.NUMBER,
        "How long the job and its result are kept once it finished; not if it is dead.",
        minimum=1,
        maximum=limits.KEEP_MS_MAX,
        default=f"{limits.RESULT_KEEP_MS_DEFAULT}, unless configured",
    ),
    *RETRY_OPTIONS,
)

WAIT_OPTION: Final = Option(
    "WAIT",
    "ms",
    Kind.NUMBER,
    "How long to wait for the job to finish.",
    maximum=limits.CALL_WAIT_MS_MAX,
    default=f"{limits.CALL_WAIT_MS_DEFAULT}",
)

CALL_OPTIONS: Final = (*SUBMIT_OPTIONS, WAIT_OPTION)
WAIT_OPTIONS: Final = (WAIT_OPTION,)

CLAIM_OPTIONS: Final = (
    Option(
        "COUNT",
        "n",
        Kind.NUMBER,
        "How many jobs to take at most.",
        minimum=1,
        maximum=limits.CLAIM_JOBS_MAX,
        default="1",
    ),
    Option(
        "WAIT",
        "ms",
        Kind.NUMBER,
        "How long to wait for the first job; 0 does not wait.",
        maximum=limits.CLAIM_WAIT_MS_MAX,
        default=f"{limits.CLAIM_WAIT_MS_DEFAULT}",
    ),
)

FAIL_OPTIONS: Final = (
    Option("DEAD", "dead", Kind.FLAG, "Do not try again: the job is dead at once.", group="next"),
    Option(
        "AFTER",
        "ms",
        Kind.NUMBER,
        "Try again after this wait, unless the attempts are used up; a job that was submitted with "
        "a retry policy of its own keeps to that.",
        maximum=limits.DELAY_MS_MAX,
        group="next",
    ),
    Option(
        "CANCEL",
        "cancel",
        Kind.FLAG,
        "Do not try again: the job is cancelled, the error being the reason.",
        group="next",
    ),
)

RELEASE_OPTIONS: Final = (
    Option(
        "DELAY",
        "ms",
        Kind.NUMBER,
        "How long from now the job is not run.",
        maximum=limits.DELAY_MS_MAX,
        default="0",
    ),
)

CANCEL_OPTIONS: Final = (
    Option(
        "REASON",
        "text",
        Kind.TEXT,
        "Why, for those who look at the job.",
        maximum=limits.REASON_BYTES_MAX,
    ),
)

_TASK: Final = Option("TASK", "name", Kind.NAME, "Of this task.", default="any")
_ERROR: Final = Option(
    "ERROR",
    "text",
    Kind.TEXT,
    "Of which a failed attempt's error contains this text, in this case.",
    maximum=limits.ERROR_FILTER_BYTES_MAX,
    default="any",
)
_SINCE: Final = Option(
    "SINCE",
    "unix-ms",
    Kind.NUMBER,
    "Submitted at this instant or later.",
    maximum=INSTANT_MAX,
    default="any",
)
_UNTIL: Final = Option(
    "UNTIL",
    "unix-ms",
    Kind.NUMBER,
    "Submitted before this instant.",
    minimum=1,
    maximum=INSTANT_MAX,
    default="any",
)

OWN_CONNECTION: Final = "me"

LIST_OPTIONS: Final = (
    Option("QUEUE", "name", Kind.NAME, "In this queue.", default="any"),
    Option(
        "STATE",
        "state",
        Kind.WORD,
        "In this state, or in one of those that the word stands for: waiting is scheduled, "
        "blocked and ready; unfinished is these and claimed; finished is the others.",
        words=tuple(STATE_FILTERS),
        default="any",
    ),
    _TASK,
    Option("TENANT", "name", Kind.NAME, "Of this tenant.", default="any"),
    Option("GROUP", "key", Kind.KEY, "Of this group.", default="any"),
    Option("KEY", "key", Kind.KEY, "Submitted with this key.", default="any"),
    _SINCE,
    _UNTIL,
    _ERROR,
    Option(
        "CONNECTION",
        "name",
        Kind.CONNECTION,
        f"Submitted over a connection that had this name; {OWN_CONNECTION} stands for the name of "
        "this one.",
        default="any",
    ),
    Option(
        "COUNT",
        "n",
        Kind.NUMBER,
        "How many jobs to give at most.",
        minimum=1,
        maximum=limits.LIST_JOBS_MAX,
        default=f"{limits.LIST_JOBS_DEFAULT}",
    ),
    Option(
        "CURSOR",
        "cursor",
        Kind.NUMBER,
        "Where to go on: the cursor of the reply before.",
        maximum=INTEGER_MAX,
        default="0",
    ),
)

_DEAD_QUEUE: Final = Option("QUEUE", "name", Kind.NAME, "The queue whose dead jobs are meant.")

DISCARD_OPTIONS: Final = (_DEAD_QUEUE, _TASK, _ERROR, _SINCE, _UNTIL)

REDRIVE_OPTIONS: Final = (
    *DISCARD_OPTIONS,
    Option(
        "RATE",
        "per-second",
        Kind.NUMBER,
        "How many jobs a second are made ready; the reply does not wait for them.",
        minimum=1,
        maximum=limits.REDRIVE_RATE_MAX,
        default="all at once",
    ),
    Option(
        "LIMIT",
        "n",
        Kind.NUMBER,
        "How many jobs to redrive at most, the oldest first.",
        minimum=1,
        maximum=INTEGER_MAX,
        default="all",
    ),
)

PEEK_OPTIONS: Final = (
    Option(
        "COUNT",
        "n",
        Kind.NUMBER,
        "How many jobs to show at most.",
        minimum=1,
        maximum=limits.LIST_JOBS_MAX,
        default=f"{limits.PEEK_JOBS_DEFAULT}",
    ),
)

DELETE_OPTIONS: Final = (
    Option("FORCE", "force", Kind.FLAG, "Remove the jobs that wait in it, too."),
)
