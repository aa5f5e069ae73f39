"""The command table: consumer groups of streams, and what they were given."""

from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Keys, Kind, Option, Parameter
from penstock.protocol.stream_options import (
    AUTO_CLAIM_OPTIONS,
    CLAIM_EVENT_OPTIONS,
    CONFIRM_OPTIONS,
    GROUP_CREATE_OPTIONS,
    GROUP_READ_OPTIONS,
    GROUP_SET_ID_OPTIONS,
    PENDING_OPTIONS,
)
from penstock.protocol.subcommands import keyed
from penstock.protocol.values import INTEGER_MAX

_SINCE: Final = "0.1.0"

_KEY: Final = Parameter("key", Kind.KEY, "The stream.")
_GROUP: Final = Parameter("group", Kind.KEY, "The group.")
_CONSUMER: Final = Parameter(
    "consumer", Kind.KEY, "Who is meant; one comes into being when it is first named."
)
_NAMED_CONSUMER: Final = Parameter("consumer", Kind.KEY, "Whose.")
_IDS: Final = Parameter("id", Kind.ID, "Of an event.", multiple=True)
_IDLE: Final = Parameter(
    "min-idle-time",
    Kind.NUMBER,
    "Claim what was given at least so many milliseconds ago.",
    maximum=INTEGER_MAX,
)
_BUSINESS_KEY: Final = Parameter("key", Kind.KEY, "What an event is about, such as an order.")
_OK: Final = "Simple string: OK."
_EVENTS: Final = "Array of events, as XRANGE gives them; with JUSTID, array of ids."

_ERRORS: Final = (ErrorCode.NOGROUP, ErrorCode.DISKFULL, ErrorCode.UNKNOWN)

_READING: Final = frozenset({Flag.WHEN_DRAINING})
_CHANGING: Final = frozenset({Flag.WRITE, Flag.WHEN_DRAINING})
_ONE_KEY: Final = Keys()


def _xgroup(
    name: str,
    arity: int,
    summary: str,
    reply: str,
    *,
    parameters: tuple[Parameter, ...] = (),
    options: tuple[Option, ...] = (),
) -> Command:
    return Command(
        name=f"XGROUP|{name}",
        arity=arity,
        category="stream",
        summary=summary,
        since=_SINCE,
        reply=reply,
        flags=_CHANGING,
        complexity="O(1)",
        parameters=(_KEY, _GROUP, *parameters),
        options=options,
        keys=Keys(2, 2),
        errors=_ERRORS,
    )


_XGROUP: Final = keyed(
    _xgroup(
        "CREATE",
        -5,
        "Make a group that is given what comes after an id; `$` is the last one there is.",
        _OK,
        parameters=(Parameter("id", Kind.ID, "Where it begins."),),
        options=GROUP_CREATE_OPTIONS,
    ),
    _xgroup(
        "SETID",
        -5,
        "Set the cursor of a group to an id; `$` is the last one there is.",
        _OK,
        parameters=(Parameter("id", Kind.ID, "Where it goes on."),),
        options=GROUP_SET_ID_OPTIONS,
    ),
    _xgroup("DESTROY", 4, "Remove a group.", "Integer: 1, or 0 if there is none."),
    _xgroup(
        "CREATECONSUMER",
        5,
        "Make a consumer, before it is first named.",
        "Integer: 1, or 0 if there is one.",
        parameters=(_NAMED_CONSUMER,),
    ),
    _xgroup(
        "DELCONSUMER",
        5,
        "Remove a consumer, and forget what is pending for it.",
        "Integer: how many events were pending.",
        parameters=(_NAMED_CONSUMER,),
    ),
    _xgroup(
        "TRIM",
        5,
        "ALLOW trimming to pass what the group has not been given; KEEP forbids it again.",
        _OK,
        parameters=(Parameter("allow-keep", Kind.TEXT, "ALLOW or KEEP."),),
    ),
)

_READING_GROUP: Final = Command(
    name="XREADGROUP",
    arity=-7,
    category="stream",
    summary="Give a consumer what no other of its group was given, or wait for it.",
    since=_SINCE,
    reply="As XREAD. Of an event that is gone, its id and null.",
    reply3="As XREAD.",
    flags=frozenset({Flag.WRITE, Flag.BLOCKING, Flag.WHEN_DRAINING}),
    complexity="O(M) with M events given; a wait costs one place.",
    parameters=(
        Parameter("group", Kind.KEY, "The group.", keyword="GROUP"),
        _CONSUMER,
        Parameter("key", Kind.KEY, "Streams.", multiple=True, keyword="STREAMS"),
        Parameter(
            "id",
            Kind.ID,
            "One for each stream: `>` for what is new; an id for what is pending for this "
            "consumer after it.",
            multiple=True,
        ),
    ),
    options=GROUP_READ_OPTIONS,
    options_at=2,
    keys=Keys(keyword="STREAMS"),
    errors=(*_ERRORS, ErrorCode.OVERLOADED),
    notes="The reply comes after it is on disk that the events were given: the group's cursor, and "
    "what is pending. Those who wait are served in the order in which they came. A group holds at "
    f"most {limits.GROUP_PENDING_MAX} pending events, all groups together "
    f"{limits.PENDING_EVENTS_MAX}; beyond it the answer is OVERLOADED until some are "
    "acknowledged. Later commands of the connection are carried out meanwhile; their replies wait "
    f"for this one. A reply has at most {limits.RANGE_EVENTS_MAX} events and about "
    f"{limits.RANGE_BYTES_MAX // limits.MIB} MiB.",
)

_PENDING: Final = (
    Command(
        name="XACK",
        arity=-4,
        category="stream",
        summary="Acknowledge events: they are no longer pending.",
        since=_SINCE,
        reply="Integer: how many of them were pending.",
        flags=_CHANGING | {Flag.TRANSACTION},
        complexity="O(N) with N ids.",
        parameters=(_KEY, _GROUP, _IDS),
        keys=_ONE_KEY,
        errors=(ErrorCode.DISKFULL, ErrorCode.UNKNOWN),
        notes="The reply comes after it is on disk. Where there is no such group it is 0.",
    ),
    Command(
        name="XPENDING",
        arity=-3,
        category="stream",
        summary="Tell how many events of a group are pending, or list them.",
        since=_SINCE,
        reply="Without a range, array of four: how many, the first id, the last, and an array of "
        "consumers, each an array of its name and its count as text. With one, array of arrays: "
        "id, consumer, milliseconds since it was given, how often it was given.",
        flags=_READING,
        complexity="O(N) with N consumers, or O(M) with M events looked at.",
        parameters=(
            _KEY,
            _GROUP,
            Parameter(
                "start end count",
                Kind.BYTES,
                "Two ids as those of XRANGE, and how many to list at most.",
                optional=True,
            ),
            Parameter("consumer", Kind.KEY, "List those of this one.", optional=True),
        ),
        options=PENDING_OPTIONS,
        options_at=2,
        keys=_ONE_KEY,
        errors=(ErrorCode.NOGROUP,),
        notes="IDLE and the consumer need the range.",
    ),
    Command(
        name="XCLAIM",
        arity=-6,
        category="stream",
        summary="Give pending events to another consumer.",
        since=_SINCE,
        reply=_EVENTS,
        flags=_CHANGING,
        complexity="O(N log M) with N ids and M events pending.",
        parameters=(_KEY, _GROUP, _CONSUMER, _IDLE, _IDS),
        options=CLAIM_EVENT_OPTIONS,
        keys=_ONE_KEY,
        errors=(*_ERRORS, ErrorCode.OVERLOADED),
        notes="The reply comes after it is on disk. Events that are gone are not claimed, and are "
        "no longer pending.",
    ),
    Command(
        name="XAUTOCLAIM",
        arity=-6,
        category="stream",
        summary="Give pending events to another consumer, from an id on.",
        since=_SINCE,
        reply="Array of three: the id to go on with, 0-0 at the end; the events as XRANGE gives "
        "them, with JUSTID their ids; and the ids of pending events that are gone.",
        flags=_CHANGING,
        complexity="O(1), as COUNT bounds it.",
        parameters=(
            _KEY,
            _GROUP,
            _CONSUMER,
            _IDLE,
            Parameter("start", Kind.ID, "The first one to look at."),
        ),
        options=AUTO_CLAIM_OPTIONS,
        keys=_ONE_KEY,
        errors=(*_ERRORS, ErrorCode.OVERLOADED),
        notes="The reply comes after it is on disk. Events that are gone are no longer pending.",
    ),
)

_HANDLED: Final = (
    Command(
        name="EVENT.HANDLED",
        arity=4,
        category="stream",
        summary="Ask whether a group has dealt with what a business key stands for.",
        since=_SINCE,
        reply="Integer: 1 if it was confirmed and the key is kept, else 0.",
        flags=_READING,
        complexity="O(log N) with N keys kept.",
        parameters=(Parameter("stream", Kind.KEY, "The stream."), _GROUP, _BUSINESS_KEY),
        keys=_ONE_KEY,
        errors=(ErrorCode.NOGROUP,),
        notes="For a consumer that meets an event again, because it was lost between doing and "
        "confirming: it does what the event asks for only if the answer is 0.",
    ),
    Command(
        name="EVENT.CONFIRM",
        arity=-4,
        category="stream",
        summary="Say that a group has dealt with what a business key stands for.",
        since=_SINCE,
        reply=_OK,
        flags=_CHANGING,
        complexity="O(log N) with N keys kept.",
        parameters=(Parameter("stream", Kind.KEY, "The stream."), _GROUP, _BUSINESS_KEY),
        options=CONFIRM_OPTIONS,
        keys=_ONE_KEY,
        errors=_ERRORS,
        notes="The reply comes after it is on disk. Confirming again keeps the key for as long "
        "again.",
    ),
)

GROUP_COMMANDS: Final = (
    Command(
        name="XGROUP",
        arity=-2,
        category="stream",
        summary="Subcommands that make, move and remove consumer groups.",
        since=_SINCE,
        reply="Depends on the subcommand.",
        flags=_CHANGING,
        errors=(ErrorCode.BUSYGROUP, *_ERRORS, ErrorCode.OVERLOADED),
        subcommands=_XGROUP,
        notes="A group is a cursor that is kept: what comes after it is not trimmed, nor what is "
        "pending, until the group is destroyed or XGROUP TRIM allows it. So destroy a group that "
        "nobody reads any more. SETID may set the cursor to an id that trimming has passed, and "
        "the group then begins with the first event there is. Groups whose names begin with "
        f"`trigger:` belong to triggers. A stream has at most {limits.GROUPS_MAX} groups.",
    ),
    _READING_GROUP,
    *_PENDING,
    *_HANDLED,
)
