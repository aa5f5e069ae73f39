"""Why the event log declines, in Redis' own words: clients and people know them."""

from collections.abc import Sequence
from typing import Final

from penstock.jobs.errors import Refused
from penstock.jobs.events.model import GroupName, StreamName

_TRIGGERS_NAMED_MAX: Final = 5  # Of those that keep a stream.


class Unsettled(Exception):
    """What is asked cannot be known in this turn; it is decided in the next one."""


class StreamIdTooSmall(Refused):
    code = "ERR"

    def __init__(self) -> None:
        super().__init__(
            "The ID specified in XADD is equal or smaller than the target stream top item"
        )


class IdMustBePositive(Refused):
    code = "ERR"

    def __init__(self) -> None:
        super().__init__("The ID specified in XADD must be greater than 0-0")


class IdsExhausted(Refused):
    code = "ERR"

    def __init__(self) -> None:
        super().__init__("The stream has exhausted the last possible ID, unable to add more items")


class NoStream(Refused):
    """The verb needs the stream, as XSETID and XINFO do."""

    code = "ERR"

    def __init__(self) -> None:
        super().__init__("no such key")


class NoStreamForGroup(Refused):
    """The stream is not there that a group is to be made for, or looked for in."""

    code = "ERR"

    def __init__(self) -> None:
        super().__init__(
            "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want "
            "to use the MKSTREAM option to create an empty stream automatically."
        )


class GroupExists(Refused):
    code = "BUSYGROUP"

    def __init__(self) -> None:
        super().__init__("Consumer Group name already exists")


class NoGroup(Refused):
    """There is no such group of a stream that is there."""

    code = "NOGROUP"

    def __init__(self, stream: StreamName, group: GroupName) -> None:
        super().__init__(f"No such consumer group '{group}' for key name '{stream}'")


class NoGroupToAsk(Refused):
    """There is no such group, or not even the stream."""

    code = "NOGROUP"

    def __init__(self, stream: StreamName, group: GroupName) -> None:
        super().__init__(f"No such key '{stream}' or consumer group '{group}'")


class NoGroupToRead(Refused):
    code = "NOGROUP"

    def __init__(self, stream: StreamName, group: GroupName) -> None:
        super().__init__(
            f"No such key '{stream}' or consumer group '{group}' in XREADGROUP with GROUP option"
        )


class IdBelowLast(Refused):
    code = "ERR"

    def __init__(self) -> None:
        super().__init__("The ID specified in XSETID is smaller than the target stream top item")


class IdBelowDeleted(Refused):
    code = "ERR"

    def __init__(self) -> None:
        super().__init__("The ID specified in XSETID is smaller than current max_deleted_entry_id")


class AddedBelowLength(Refused):
    code = "ERR"

    def __init__(self) -> None:
        super().__init__(
            "The entries_added specified in XSETID is smaller than the target stream length"
        )


class OffsetsOnlyGrow(Refused):
    """Ours: Redis would count again from a smaller number."""

    code = "ERR"

    def __init__(self, added_count: int) -> None:
        super().__init__(
            "The entries_added specified in XSETID is smaller than what was added already, which "
            f"is {added_count}: offsets of events only grow"
        )


class ServersStream(Refused):
    """Ours: streams of the life of jobs are written by the server alone."""

    code = "ERR"

    def __init__(self, stream: StreamName) -> None:
        super().__init__(
            f"stream {stream} tells of the life of jobs and is written by the server alone; "
            "take a name that does not begin with 'jobs:'"
        )


class EventTooLarge(Refused):
    code = "TOOLARGE"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the fields of the event have {size} bytes, {limit} are allowed; "
            "store it elsewhere and send its name, or raise payload_bytes_max"
        )


class CursorOfTrigger(Refused):
    """A group that is a trigger's goes where the trigger goes."""

    code = "ERR"

    def __init__(self, stream: StreamName, group: GroupName) -> None:
        super().__init__(
            f"group {group} of stream {stream} is the cursor of a trigger, which alone moves it; "
            "TRIGGER.SET ... FROM sets it, TRIGGER.DEL removes it"
        )


class StreamHasTriggers(Refused):
    """To delete a stream would let its triggers miss what comes to the next of its name."""

    code = "ERR"

    def __init__(self, stream: StreamName, triggers: Sequence[str]) -> None:
        names = ", ".join(triggers[:_TRIGGERS_NAMED_MAX])
        super().__init__(
            f"stream {stream} has triggers ({names}) and was not deleted; delete those first"
        )


class Mistake(Refused):
    """Ours: the request met something that nobody foresaw."""

    code = "ERR"

    def __init__(self) -> None:
        super().__init__(
            "the server made a mistake with this request, which its log tells about; "
            "nothing was changed"
        )
