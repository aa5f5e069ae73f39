"""Why the event log declines, in Redis' own words: clients and people know them."""

from penstock.jobs.errors import Refused
from penstock.jobs.events.model import GroupName, StreamName


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
        super().__init__(
            "The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
        )


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
