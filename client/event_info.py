"""What the server tells about streams, triggers and schedules. Times are unix milliseconds."""

from collections.abc import Mapping

from msgspec import Struct, field

from penstock.client.info import built, fields_of, refuse
from penstock.protocol.reader import Reply


class GroupInfo(Struct, frozen=True):
    """One consumer group. `cursor` is the id that it delivered last.

    `pending` counts the events that were delivered and not acknowledged, `lag` those that were
    not delivered yet; None: that is not known. What it has not finished is kept from trimming,
    unless it `allows_trim`.
    """

    name: str
    consumers: int
    pending: int
    cursor: str
    read: int | None = None
    lag: int | None = None
    allows_trim: bool = False


class StreamInfo(Struct, frozen=True):
    """One stream. `added` counts the events that it was ever given, `length` those there are.

    It is trimmed by the server to `length_max` events and `age_ms_max`, None being no bound. The
    cursors of its `triggers` are among its groups.
    """

    name: str
    length: int
    first_id: str | None
    last_id: str
    added: int
    groups: list[GroupInfo]
    triggers: list[str]
    length_max: int | None = None
    age_ms_max: int | None = None


class ConsumerInfo(Struct, frozen=True):
    """One consumer of a group. `idle_ms` is how long ago it last asked for anything."""

    name: str
    pending: int
    idle_ms: int


class TriggerInfo(Struct, frozen=True):
    """One trigger: which events of which stream make which job, and how far it is.

    `cursor` is the id of the last event that it has seen, `lag` how many it has not; None: that is
    not known. `fired` counts jobs, `skipped` events that did not match, `refused` those of which
    no job can be made (`last_error` says why), `loops` those that were not fired on because jobs
    that it makes would have made them again and again. `waiting_since` says since when it is
    behind, and `reason` why.
    """

    name: str
    stream: str
    task: str
    match: Mapping[str, str] = field(default_factory=dict)
    payload: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    cursor: str | None = None
    lag: int | None = None
    fired: int = 0
    skipped: int = 0
    refused: int = 0
    last_error: str | None = None
    loops: int = 0
    waiting_since: int | None = None
    reason: str | None = None


class ScheduleInfo(Struct, frozen=True):
    """One schedule: when it submits which job, and when it did last.

    `missed` says what becomes of runs that were missed, `overlap` of one that comes while the job
    of the last one has not finished.
    """

    name: str
    expression: str
    tz: str
    task: str
    payload: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    missed: str = "once"
    missed_max: int | None = None
    jitter_ms: int = 0
    overlap: str = "allow"
    next_at: int | None = None
    last_at: int | None = None
    last_job: int | None = None
    runs: int = 0
    skipped: int = 0
    last_error: str | None = None


def read_stream(reply: Reply) -> StreamInfo:
    """Read STREAM.SHOW's map."""
    fields = fields_of(reply, raw=())
    groups = fields.get("groups")
    if not isinstance(groups, list):
        refuse("the groups of a stream", reply)
    fields["groups"] = [
        {**group, "allows_trim": group.get("trim") == "allow"}
        for group in groups
        if isinstance(group, dict)
    ]
    fields["length_max"] = fields.get("maxlen")
    fields["age_ms_max"] = fields.get("maxage")
    return built(StreamInfo, fields)


def read_groups(reply: Reply) -> list[GroupInfo]:
    """Read STREAM.SHOW's map for the groups."""
    return read_stream(reply).groups


def read_consumers(reply: Reply) -> list[ConsumerInfo]:
    """Read XINFO CONSUMERS' maps."""
    return [
        built(
            ConsumerInfo,
            {
                "name": consumer.get("name"),
                "pending": consumer.get("pending"),
                "idle_ms": consumer.get("idle"),
            },
        )
        for consumer in _maps(reply)
    ]


def read_names(reply: Reply) -> list[str]:
    """Read the names of streams, in their order."""
    if not isinstance(reply, list):
        refuse("names", reply)
    return sorted(_text(name) or "" for name in reply)


def read_trigger(reply: Reply) -> TriggerInfo:
    """Read TRIGGER.SHOW's map."""
    return built(TriggerInfo, fields_of(reply, raw=()))


def read_triggers(reply: Reply) -> list[TriggerInfo]:
    """Read TRIGGER.LIST's maps."""
    return [built(TriggerInfo, trigger) for trigger in _maps(reply)]


def read_schedule(reply: Reply) -> ScheduleInfo:
    """Read CRON.SHOW's map."""
    return built(ScheduleInfo, fields_of(reply, raw=()))


def read_schedules(reply: Reply) -> list[ScheduleInfo]:
    """Read CRON.LIST's maps."""
    return [built(ScheduleInfo, schedule) for schedule in _maps(reply)]


def read_times(reply: Reply) -> list[int]:
    """Read CRON.NEXT's times."""
    if isinstance(reply, list):
        times = [each for each in reply if type(each) is int]
        if len(times) == len(reply):
            return times
    refuse("times", reply)


def _maps(reply: Reply) -> list[dict[str, object]]:
    if not isinstance(reply, list):
        refuse("a list", reply)
    return [fields_of(entry, raw=()) for entry in reply]


def _text(raw: object) -> str | None:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else None
