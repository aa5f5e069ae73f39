"""The command table: queues."""

from typing import Final

from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, OptionUse, Parameter
from penstock.protocol.options import DELETE_OPTIONS, PEEK_OPTIONS
from penstock.protocol.queue_settings import QUEUE_SETTINGS, SETTING_OPTIONS

_SINCE: Final = "0.1.0"

_NAME: Final = Parameter("name", Kind.NAME, "The queue.")
_OK: Final = "Simple string: OK."
_MAP: Final = "Array of names and values, flat."
_MAPS: Final = "Array of flat arrays of names and values."
_CHANGE_ERRORS: Final = (ErrorCode.DISKFULL, ErrorCode.UNKNOWN)

_READING: Final = frozenset({Flag.WHEN_DRAINING})
_CHANGING: Final = frozenset({Flag.WRITE, Flag.WHEN_DRAINING})

QUEUE_COMMANDS: Final = (
    Command(
        name="QUEUE.LIST",
        arity=1,
        category="queue",
        summary="List the queues and how many jobs they hold.",
        since=_SINCE,
        reply=_MAPS,
        reply3="Array of maps.",
        flags=_READING,
        complexity="O(N) with N queues.",
        notes="Names: name, ready, scheduled, blocked, claimed, completed, dead, cancelled, "
        "expired, paused (1 or 0; true or false in RESP3), bytes (of the payloads that wait; null "
        "unless the queue has a limit of bytes).",
    ),
    Command(
        name="QUEUE.SHOW",
        arity=2,
        category="queue",
        summary="Show one queue: how many jobs it holds and what happened to them.",
        since=_SINCE,
        reply=_MAP,
        reply3="Map.",
        flags=_READING,
        complexity="O(1)",
        parameters=(_NAME,),
        errors=(ErrorCode.NOQUEUE,),
        notes="Names: those of QUEUE.LIST; submitted, duplicates, claims, completions, failures, "
        "retries, deaths, releases and expirations, counted since the server started; "
        "waiting_claims; waiting_submissions, those that wait for room; reordering and purging, "
        "while that is done in the background; settings, a map with "
        f"{', '.join(QUEUE_SETTINGS)}, as QUEUE.SET or the settings file set them. More may come: "
        "read them by name.",
    ),
    Command(
        name="QUEUE.PEEK",
        arity=-2,
        category="queue",
        summary="Show the jobs of a queue that will run next, in their order.",
        since=_SINCE,
        reply=_MAPS,
        reply3="Array of maps.",
        flags=_READING,
        complexity="O(M) with M jobs shown.",
        parameters=(_NAME,),
        options=PEEK_OPTIONS,
        errors=(ErrorCode.NOQUEUE,),
        notes="The names are those of JOB.LIST. Only ready jobs are shown. What limits hold up or "
        "what is submitted meanwhile may change the order.",
    ),
    Command(
        name="QUEUE.SET",
        arity=-4,
        category="queue",
        summary="Set how a queue orders, limits and keeps its jobs.",
        since=_SINCE,
        reply=_OK,
        flags=_CHANGING,
        complexity="O(1); a change of the order is carried out in the background.",
        parameters=(_NAME,),
        options=SETTING_OPTIONS,
        option_use=OptionUse.NEEDED,
        errors=(ErrorCode.OVERLOADED, *_CHANGE_ERRORS),
        notes="All that is given is changed with one commit, or nothing. The value `default` goes "
        "back to what the settings file says, or the server's own. A queue that does not exist "
        "comes into being. What contradicts what is set already is refused with ERR: RETRY-DELAYS "
        "beside RETRY-BASE, RETRY-CAP or RETRY-JITTER, WEIGHT without ORDER fair, ORDER ageing "
        "without AGEING, FULL or RESERVE without LENGTH or BYTES. Jobs keep what their own "
        "submission said.",
    ),
    Command(
        name="QUEUE.PAUSE",
        arity=2,
        category="queue",
        summary="Give out no jobs of a queue until it is resumed.",
        since=_SINCE,
        reply=_OK,
        flags=_CHANGING,
        complexity="O(1)",
        parameters=(_NAME,),
        errors=(ErrorCode.NOQUEUE, *_CHANGE_ERRORS),
        notes="Jobs that run go on, submissions are taken. A pause lasts through a restart.",
    ),
    Command(
        name="QUEUE.RESUME",
        arity=2,
        category="queue",
        summary="Give out jobs of a paused queue again.",
        since=_SINCE,
        reply=_OK,
        flags=_CHANGING,
        complexity="O(log N) with N jobs waiting.",
        parameters=(_NAME,),
        errors=(ErrorCode.NOQUEUE, *_CHANGE_ERRORS),
    ),
    Command(
        name="QUEUE.PURGE",
        arity=2,
        category="queue",
        summary="Remove all jobs that wait in a queue.",
        since=_SINCE,
        reply="Integer: how many jobs were removed.",
        flags=_CHANGING,
        complexity="O(N) with N jobs waiting; other commands are carried out meanwhile.",
        parameters=(_NAME,),
        errors=(ErrorCode.NOQUEUE, ErrorCode.OVERLOADED, *_CHANGE_ERRORS),
        notes="They are out of reach once it is answered, and removed in the background, also "
        "after a restart. Jobs that run or finished stay. What is submitted after the command "
        "stays, too.",
    ),
    Command(
        name="QUEUE.DELETE",
        arity=-2,
        category="queue",
        summary="Forget a queue, its settings and its finished jobs.",
        since=_SINCE,
        reply=_OK,
        flags=_CHANGING,
        complexity="O(N) with N jobs in the queue; other commands are carried out meanwhile.",
        parameters=(_NAME,),
        options=DELETE_OPTIONS,
        errors=(
            ErrorCode.NOQUEUE,
            ErrorCode.NOTEMPTY,
            ErrorCode.OVERLOADED,
            ErrorCode.DRAINING,
            *_CHANGE_ERRORS,
        ),
        notes="A queue that holds jobs which are not finished is kept, unless FORCE says to remove "
        "those that wait; running ones keep it always. It is answered when all is removed; until "
        "then submissions to the queue are refused with OVERLOADED. Cut off by the end of the "
        "server, it leaves what was not removed yet; send it again.",
    ),
)
