"""The command table: streams of events, as Redis has them, and what is ours beside."""

from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Keys, Kind, OptionUse, Parameter
from penstock.protocol.stream_options import (
    ADD_OPTIONS,
    BOUND_OPTIONS,
    INFO_STREAM_OPTIONS,
    RANGE_OPTIONS,
    READ_OPTIONS,
    SCAN_OPTIONS,
    SET_ID_OPTIONS,
    TRIM_OPTIONS,
)
from penstock.protocol.subcommands import keyed

_SINCE: Final = "0.1.0"

_KEY: Final = Parameter("key", Kind.KEY, "The stream.")
_KEYS: Final = Parameter("key", Kind.KEY, "Streams.", multiple=True)
_ID: Final = Parameter("id", Kind.ID, "Of an event.", multiple=True)
_FIELDS: Final = Parameter(
    "field value",
    Kind.BYTES,
    f"Up to {limits.EVENT_FIELDS_MAX} pairs, of any bytes.",
    multiple=True,
)
_START: Final = Parameter(
    "start", Kind.ID, "`-` is before all; `(` before an id leaves that one out."
)
_END: Final = Parameter("end", Kind.ID, "`+` is after all; `(` likewise.")
_EVENTS: Final = "Array of events, each an array: its id, and an array of fields and values, flat."
_OK: Final = "Simple string: OK."

_CHANGE_ERRORS: Final = (ErrorCode.DISKFULL, ErrorCode.UNKNOWN)
_ADD_ERRORS: Final = (
    ErrorCode.TOOLARGE,
    *_CHANGE_ERRORS,
    ErrorCode.DISKLOW,
    ErrorCode.DRAINING,
    ErrorCode.OVERLOADED,
)

_READING: Final = frozenset({Flag.WHEN_DRAINING})
_CHANGING: Final = frozenset({Flag.WRITE, Flag.WHEN_DRAINING})
_ONE_KEY: Final = Keys()
_ALL_KEYS: Final = Keys(last=-1)
_BEHIND_STREAMS: Final = Keys(keyword="STREAMS")

_CUT_NOTE: Final = (
    f"A reply has at most {limits.RANGE_EVENTS_MAX} events and about "
    f"{limits.RANGE_BYTES_MAX // limits.MIB} MiB, whatever COUNT says: go on behind the last one."
)

_ADDING: Final = (
    Command(
        name="XADD",
        arity=-5,
        category="stream",
        summary="Append an event to a stream, and say its id.",
        since=_SINCE,
        reply="Bulk string: the event's id; null with NOMKSTREAM if there is no such stream.",
        flags=frozenset({Flag.WRITE, Flag.TRANSACTION}),
        complexity="O(1), and O(N) with N events trimmed.",
        parameters=(
            _KEY,
            Parameter(
                "id", Kind.ID, "`*` is one of now; `ms-*` leaves only the sequence to the server."
            ),
            _FIELDS,
        ),
        options=ADD_OPTIONS,
        options_at=1,
        keys=_ONE_KEY,
        errors=_ADD_ERRORS,
        notes="The reply comes after the event is on disk, and so do those who wait for it. Ids go "
        "up to 9223372036854775807-9223372036854775807. Trimming never removes what a group has "
        "not been given or has not acknowledged, unless XGROUP TRIM allows it; the reply does not "
        "wait for it. Streams whose names begin with `jobs:` are written by the server alone. A "
        "client that may send it twice after a lost connection uses EVENT.PUBLISH.",
    ),
    Command(
        name="EVENT.PUBLISH",
        arity=-5,
        category="stream",
        summary="Append an event under a key: sent again, it makes no second one.",
        since=_SINCE,
        reply="Bulk string: the event's id; that of the first one if the key was met before.",
        flags=frozenset({Flag.WRITE}),
        complexity="O(log N) with N keys of the last day.",
        parameters=(
            Parameter("stream", Kind.KEY, "It comes into being with its first event."),
            Parameter("key", Kind.KEY, "Of what is published; a random one serves."),
            _FIELDS,
        ),
        keys=_ONE_KEY,
        errors=_ADD_ERRORS,
        notes="A key is known on its stream for a day. Otherwise as XADD with the id `*`; the "
        "fields of a second sending are not looked at.",
    ),
    Command(
        name="XTRIM",
        arity=-4,
        category="stream",
        summary="Remove the first events of a stream.",
        since=_SINCE,
        reply="Integer: how many events were removed.",
        flags=_CHANGING,
        complexity="O(N) with N events removed; other commands are carried out meanwhile.",
        parameters=(_KEY,),
        options=TRIM_OPTIONS,
        option_use=OptionUse.FIRST,
        keys=_ONE_KEY,
        errors=_CHANGE_ERRORS,
        notes="It stops at the first event that a group has not been given or has not "
        "acknowledged, unless XGROUP TRIM allows it. A long one is carried out in slices and "
        f"answered when it is done, {limits.TRIM_EVENTS_MAX} events to a commit.",
    ),
    Command(
        name="XDEL",
        arity=-3,
        category="stream",
        summary="Remove single events of a stream.",
        since=_SINCE,
        reply="Integer: how many of them there were.",
        flags=_CHANGING,
        complexity="O(N) with N ids.",
        parameters=(_KEY, _ID),
        keys=_ONE_KEY,
        errors=_CHANGE_ERRORS,
        notes="No group holds it up: a consumer that has one of them sees its id, and null for "
        "its fields.",
    ),
    Command(
        name="XSETID",
        arity=-3,
        category="stream",
        summary="Set the last id of a stream; for replication and repair.",
        since=_SINCE,
        reply=_OK,
        flags=_CHANGING,
        complexity="O(1)",
        parameters=(_KEY, Parameter("last-id", Kind.ID, "The next one will be larger.")),
        options=SET_ID_OPTIONS,
        keys=_ONE_KEY,
        errors=_CHANGE_ERRORS,
        notes="ENTRIESADDED never goes back: offsets grow.",
    ),
    Command(
        name="STREAM.SET",
        arity=-2,
        category="stream",
        summary="Set how long a stream keeps its events.",
        since=_SINCE,
        reply=_OK,
        flags=frozenset({Flag.WRITE}),
        complexity="O(1); trimming goes on in the background.",
        parameters=(
            Parameter("stream", Kind.KEY, "A stream that does not exist comes into being."),
        ),
        options=BOUND_OPTIONS,
        keys=_ONE_KEY,
        errors=(*_CHANGE_ERRORS, ErrorCode.DRAINING, ErrorCode.OVERLOADED),
        notes="What is not given stays as it is. Events beyond the bounds are removed in the "
        "background, never past a group that has not been given or has not acknowledged them, "
        "unless XGROUP TRIM allows it.",
    ),
)

_LOOKING: Final = (
    Command(
        name="XLEN",
        arity=2,
        category="stream",
        summary="Count the events of a stream.",
        since=_SINCE,
        reply="Integer; 0 if there is no such stream.",
        flags=_READING,
        complexity="O(1)",
        parameters=(_KEY,),
        keys=_ONE_KEY,
    ),
    Command(
        name="XRANGE",
        arity=-4,
        category="stream",
        summary="Give the events from one id to another, the first ones first.",
        since=_SINCE,
        reply=_EVENTS,
        flags=_READING,
        complexity="O(M) with M events given.",
        parameters=(_KEY, _START, _END),
        options=RANGE_OPTIONS,
        keys=_ONE_KEY,
        errors=(ErrorCode.OVERLOADED,),
        notes=_CUT_NOTE,
    ),
    Command(
        name="XREVRANGE",
        arity=-4,
        category="stream",
        summary="Give the events from one id to another, the last ones first.",
        since=_SINCE,
        reply=_EVENTS,
        flags=_READING,
        complexity="O(M) with M events given.",
        parameters=(_KEY, _END, _START),
        options=RANGE_OPTIONS,
        keys=_ONE_KEY,
        errors=(ErrorCode.OVERLOADED,),
        notes=_CUT_NOTE,
    ),
    Command(
        name="XREAD",
        arity=-4,
        category="stream",
        summary="Give what comes after an id in each of several streams, or wait for it.",
        since=_SINCE,
        reply="Array with, for each stream that has something, an array: its name, and the "
        "events as XRANGE gives them. Null if there is nothing, or the wait ended.",
        reply3="Map of names and arrays of events; null likewise.",
        flags=_READING | {Flag.BLOCKING},
        complexity="O(M) with M events given; a wait costs one place.",
        parameters=(
            Parameter("key", Kind.KEY, "Streams.", multiple=True, keyword="STREAMS"),
            Parameter(
                "id",
                Kind.ID,
                "One for each stream: what comes after it is given; `$` is the last one there is.",
                multiple=True,
            ),
        ),
        options=READ_OPTIONS,
        options_at=0,
        keys=_BEHIND_STREAMS,
        errors=(ErrorCode.OVERLOADED,),
        notes="Who waits is woken by the commit of an event. Later commands of the connection are "
        f"carried out meanwhile; their replies wait for this one. {_CUT_NOTE}",
    ),
    Command(
        name="XINFO",
        arity=-2,
        category="stream",
        summary="Subcommands that describe streams and groups.",
        since=_SINCE,
        reply="Depends on the subcommand.",
        flags=_READING,
        subcommands=keyed(
            Command(
                name="XINFO|STREAM",
                arity=-3,
                category="stream",
                summary="Describe a stream; with FULL, its groups and consumers, too.",
                since=_SINCE,
                reply="Array of names and values, flat.",
                reply3="Map.",
                flags=_READING,
                complexity="O(1), and O(M) with M rows shown.",
                parameters=(_KEY,),
                options=INFO_STREAM_OPTIONS,
                keys=Keys(2, 2),
            ),
            Command(
                name="XINFO|GROUPS",
                arity=3,
                category="stream",
                summary="Describe the groups of a stream.",
                since=_SINCE,
                reply="Array of flat arrays.",
                reply3="Array of maps.",
                flags=_READING,
                complexity="O(N) with N groups.",
                parameters=(_KEY,),
                keys=Keys(2, 2),
            ),
            Command(
                name="XINFO|CONSUMERS",
                arity=4,
                category="stream",
                summary="Describe the consumers of a group.",
                since=_SINCE,
                reply="Array of flat arrays.",
                reply3="Array of maps.",
                flags=_READING,
                complexity="O(N) with N consumers.",
                parameters=(_KEY, Parameter("group", Kind.KEY, "The group.")),
                errors=(ErrorCode.NOGROUP,),
                keys=Keys(2, 2),
            ),
        ),
        notes="Names are those of Redis 7.2. STREAM: length, radix-tree-keys and radix-tree-nodes "
        "(0: there is no such tree), last-generated-id, max-deleted-entry-id, entries-added, "
        "recorded-first-entry-id, and groups, first-entry and last-entry; with FULL entries and "
        "groups instead. GROUPS: name, consumers, pending, last-delivered-id, entries-read, lag. "
        "CONSUMERS: name, pending, idle, inactive. entries-added is the offset of the last event. "
        "XINFO CONSUMERS answers NOGROUP if there is no such group, the others `ERR no such key`.",
    ),
    Command(
        name="STREAM.LIST",
        arity=1,
        category="stream",
        summary="List the streams and how many events they have.",
        since=_SINCE,
        reply="Array of flat arrays of names and values.",
        reply3="Array of maps.",
        flags=_READING,
        complexity="O(N log N) with N streams.",
        notes="Names: name, length, last_id, added, groups (how many), maxlen, maxage; they are "
        "explained at STREAM.SHOW.",
    ),
    Command(
        name="STREAM.SHOW",
        arity=2,
        category="stream",
        summary="Show a stream, with its groups and triggers.",
        since=_SINCE,
        reply="Array of names and values, flat.",
        reply3="Map.",
        flags=_READING,
        complexity="O(N) with N groups.",
        parameters=(Parameter("stream", Kind.KEY, "The stream."),),
        keys=_ONE_KEY,
        notes="Names: name; length, how many events there are; first_id, null if there are none; "
        "last_id; added, the offset of the last event; max_deleted_id; maxlen and maxage (ms) as "
        "STREAM.SET set them, null if they are not; groups, an array of maps; triggers, an array "
        "of names. Of a group: name; cursor, the id of the last event it was given; read, that "
        "event's offset; lag, how many it has not been given; pending; consumers, how many; trim, "
        "allow or keep, as XGROUP TRIM set it. read and lag are null where they are not known. The "
        "cursors of triggers are groups, too. More may come: read them by name. A stream that is "
        "not there: `ERR no such key`.",
    ),
)

_ABOUT_KEYS: Final = (
    Command(
        name="TYPE",
        arity=2,
        category="stream",
        summary="Say whether there is a stream of this name.",
        since=_SINCE,
        reply="Simple string: stream or none.",
        flags=_READING,
        complexity="O(1)",
        parameters=(_KEY,),
        keys=_ONE_KEY,
    ),
    Command(
        name="EXISTS",
        arity=-2,
        category="stream",
        summary="Count those of the streams that exist.",
        since=_SINCE,
        reply="Integer; a stream that is named twice counts twice.",
        flags=_READING,
        complexity="O(N) with N names.",
        parameters=(_KEYS,),
        keys=_ALL_KEYS,
    ),
    Command(
        name="DEL",
        arity=-2,
        category="stream",
        summary="Remove streams, with their events and groups.",
        since=_SINCE,
        reply="Integer: how many of them there were.",
        flags=_CHANGING,
        complexity="O(N) with N names; events are removed in the background.",
        parameters=(_KEYS,),
        keys=_ALL_KEYS,
        errors=_CHANGE_ERRORS,
        notes="Groups do not hold it up. Offsets of a stream that is made again begin anew.",
    ),
    Command(
        name="UNLINK",
        arity=-2,
        category="stream",
        summary="The same as DEL.",
        since=_SINCE,
        reply="Integer: how many of them there were.",
        flags=_CHANGING,
        complexity="O(N) with N names; events are removed in the background.",
        parameters=(_KEYS,),
        keys=_ALL_KEYS,
        errors=_CHANGE_ERRORS,
    ),
    Command(
        name="KEYS",
        arity=2,
        category="stream",
        summary="List the streams whose names match a pattern.",
        since=_SINCE,
        reply="Array of bulk strings.",
        flags=_READING,
        complexity="O(N) with N streams.",
        parameters=(
            Parameter("pattern", Kind.BYTES, "`*`, `?`, `[a-z]`, and `\\` before what is meant."),
        ),
        notes="Streams are all the keys there are; queues are listed by QUEUE.LIST.",
    ),
    Command(
        name="SCAN",
        arity=-2,
        category="stream",
        summary="List the streams, a few at a time.",
        since=_SINCE,
        reply="Array of two: the cursor to go on with, 0 at the end, and an array of names.",
        flags=_READING,
        complexity="O(1) for each call.",
        parameters=(Parameter("cursor", Kind.NUMBER, "0 at first.", maximum=2**64 - 1),),
        options=SCAN_OPTIONS,
    ),
    Command(
        name="DBSIZE",
        arity=1,
        category="stream",
        summary="Count the streams.",
        since=_SINCE,
        reply="Integer.",
        flags=_READING,
        complexity="O(1)",
    ),
)

STREAM_COMMANDS: Final = (*_ADDING, *_LOOKING, *_ABOUT_KEYS)
