"""The command table: triggers, by which events submit jobs."""

from typing import Final

from penstock.config import limits
from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Keys, Kind, Parameter
from penstock.protocol.trigger_options import TRIGGER_DELETE_OPTIONS, TRIGGER_OPTIONS

_SINCE: Final = "0.1.0"

_NAME: Final = Parameter("name", Kind.NAME, "The trigger.")
_CHANGE_ERRORS: Final = (ErrorCode.DISKFULL, ErrorCode.UNKNOWN)
_READING: Final = frozenset({Flag.WHEN_DRAINING})
_CHANGING: Final = frozenset({Flag.WRITE, Flag.WHEN_DRAINING})

TRIGGER_COMMANDS: Final = (
    Command(
        name="TRIGGER.SET",
        arity=-6,
        category="trigger",
        summary="Let each event of a stream that matches submit a job.",
        since=_SINCE,
        reply="Simple string: OK.",
        flags=frozenset({Flag.WRITE}),
        complexity="O(1); past events are gone through in the background.",
        parameters=(
            Parameter("name", Kind.NAME, "One that exists is replaced."),
            Parameter("stream", Kind.KEY, "It comes into being if need be.", keyword="ON"),
            Parameter(
                "id",
                Kind.ID,
                "Begin with what comes after this id: 0 for all there is, `$` for what is new, "
                "CURSOR for where a trigger of this name stands. CURSOR by default, and `$` if "
                "there was none.",
                optional=True,
                keyword="FROM",
            ),
            Parameter(
                "field pattern",
                Kind.BYTES,
                "Only events whose field has a value like this, as with KEYS; all of them must "
                f"match. At most {limits.TRIGGER_MATCHES_MAX}.",
                optional=True,
                multiple=True,
                keyword="MATCH",
            ),
            Parameter(
                "task", Kind.NAME, "The name of the code that a worker runs.", keyword="SUBMIT"
            ),
            Parameter(
                "payload",
                Kind.BYTES,
                "What the task gets, a template: `${field}` stands for a field's value. By default "
                "an array of one object, with stream, id and fields.",
                optional=True,
            ),
        ),
        options=TRIGGER_OPTIONS,
        keys=Keys(3, 3),
        errors=(
            ErrorCode.TOOLARGE,
            *_CHANGE_ERRORS,
            ErrorCode.DISKLOW,
            ErrorCode.DRAINING,
            ErrorCode.OVERLOADED,
        ),
        notes="The job is stored in the transaction of its event, under the key "
        "`trigger:<name>:<stream>:<id>`: one job for each event, whatever dies. A trigger that is "
        "behind catches up, and one whose queue is full waits, in the order of events. What stands "
        "behind MATCH up to SUBMIT are pairs; the first one is a pair whatever it is called. What "
        "stands behind the task is the payload unless it is the name of an option. In the payload "
        "`${field}` is filled in as a JSON string (null if the event has no such field), "
        "`${field:json}` as it is if it is JSON, `${@id}` and `${@stream}` as strings, "
        "`${@fields}` as an object; `$${` is the two characters. TENANT and GROUP are filled with "
        "plain text. "
        "Triggers that set each other off, by events of jobs' lives, end after "
        f"{limits.TRIGGER_DEPTH_MAX} rounds.",
    ),
    Command(
        name="TRIGGER.DEL",
        arity=-2,
        category="trigger",
        summary="Remove a trigger.",
        since=_SINCE,
        reply="Integer: 1, or 0 if there is none.",
        flags=_CHANGING,
        complexity="O(1)",
        parameters=(_NAME,),
        options=TRIGGER_DELETE_OPTIONS,
        errors=_CHANGE_ERRORS,
        notes="Jobs that it submitted stay. A cursor that is kept keeps events from being trimmed: "
        "it is the group `trigger:<name>` of the stream, and XGROUP DESTROY removes it.",
    ),
    Command(
        name="TRIGGER.LIST",
        arity=1,
        category="trigger",
        summary="List the triggers.",
        since=_SINCE,
        reply="Array of flat arrays of names and values.",
        reply3="Array of maps.",
        flags=_READING,
        complexity="O(N) with N triggers.",
        notes="The names are those of TRIGGER.SHOW.",
    ),
    Command(
        name="TRIGGER.SHOW",
        arity=2,
        category="trigger",
        summary="Show a trigger, how far it is, and what it did.",
        since=_SINCE,
        reply="Array of names and values, flat.",
        reply3="Map.",
        flags=_READING,
        complexity="O(1)",
        parameters=(_NAME,),
        errors=(ErrorCode.NOTRIGGER,),
        notes="Names: name, stream, match, task, payload, options; cursor, the id of the last "
        "event it has seen; lag, how many events it has not seen, null if that is not known; "
        "fired, skipped (events that did not match), refused (events of which no job can be made) "
        "and loops (events that went round too often), counted since the server started; "
        "last_error, of what was refused; waiting_since and reason, while it waits. More may come: "
        "read them by name.",
    ),
)
