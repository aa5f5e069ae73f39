"""`penstock events ...`: the streams, their groups and their events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from penstock.cli.asking import confirm
from penstock.cli.connection import open_client
from penstock.cli.event_text import event_document, text_pairs
from penstock.cli.exits import CommandFailed, Exit, mistake
from penstock.cli.following import tail
from penstock.cli.groups import groups, move
from penstock.cli.help import HelpfulCommand, HelpfulGroup
from penstock.cli.options import (
    WHEN,
    Json,
    Server,
    Yes,
    read_option,
    require_utf8,
    whole,
)
from penstock.cli.output import (
    counted,
    note,
    on_terminal,
    printable,
    show_duration,
    show_moment,
    show_time,
    write_json,
    write_line,
    write_table,
)
from penstock.cli.places import (
    StreamName,
    find_stream,
    look_for_stream,
    read_bound,
    read_event_id,
    read_stream,
    time_of,
)
from penstock.cli.publishing import publish
from penstock.config.durations import parse_duration_ms

if TYPE_CHECKING:
    from penstock.client import (
        Client,
        Event,
        Position,
        StreamInfo,
        StreamSettings,
    )

_LENGTH: Final = whole("events", 0, 2**63 - 1)
_NONE: Final = "none"
_ENDS: Final = ("first", "last")

_STREAM_FACTS: Final = (
    "name",
    "length",
    "last_id",
    "groups",
    "lag",
    "added",
    "length_max",
    "age_ms_max",
)

events_app: Final = typer.Typer(
    name="events",
    cls=HelpfulGroup,
    help="Publish events, follow them, and look after streams and their groups.",
)

Age = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Those that are older than this: 12h, 7d.")
]


def list_(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Only streams that it matches: order*.")
    ] = "*",
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List the streams: how long each is, its last event, its groups and how far they are behind.

    The lag is that of the group that is furthest behind.
    """
    read_option("PATTERN", require_utf8, pattern)
    with open_client(server) as client:
        found = [
            each for name in client.streams(pattern) if (each := look_for_stream(client, name))
        ]
    if as_json:
        write_json([_stream_document(each) for each in found])
        return
    if on_terminal():
        _write_streams(found)
        return
    write_table(
        _STREAM_FACTS,
        [[_text(value) for value in _stream_document(each).values()] for each in found],
    )


def show(
    stream: StreamName,
    event_id: Annotated[
        str, typer.Argument(metavar="ID", help="The event's id, or first, or last.")
    ],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Show one event with all its fields."""
    name = read_stream(stream)
    wanted = event_id if event_id in _ENDS else read_option("ID", read_event_id, event_id)
    assert wanted is not None
    with open_client(server) as client:
        event = _find(client, name, wanted)
    if event is None:
        raise CommandFailed(
            Exit.REFUSED, f"NOEVENT stream {name} holds no event {wanted} (any more)"
        )
    if as_json:
        write_json(event_document(event))
        return
    rows = [("published", show_time(event.published_at)), *text_pairs(event)]
    write_table(["", f"event {event.id}"], rows)


def trim(
    stream: StreamName,
    length: Annotated[
        str | None, typer.Option(metavar="N", help="All but the newest N events.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="PLACE", help=f"Those before an id, or {WHEN}.")
    ] = None,
    age: Age = None,
    yes: Yes = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Remove the oldest events of a stream for good, and print how many that were.

    What a group has not finished stays, unless that group allows it.
    """
    name = read_stream(stream)
    length_max = read_option("--length", _LENGTH, length)
    bound = read_option("--before", read_bound, before)
    age_ms = read_option("--age", parse_duration_ms, age)
    if (length_max is not None) + (bound is not None) + (age_ms is not None) != 1:
        raise mistake("say which events: give one of --length, --before and --age")
    if age_ms is not None:
        bound = max(0, _now_ms() - age_ms)
    with open_client(server) as client:
        found = find_stream(client, name)
        _ask_to_trim(found, length_max, bound, yes=yes)
        count = client.trim(name, length_max=length_max, before=bound)
        if as_json:
            write_json({"trimmed": count})
        else:
            write_line(str(count))
        if on_terminal():
            _tell_kept(client, name, length_max, bound)


def retain(
    stream: StreamName,
    length: Annotated[
        str | None, typer.Option(metavar="N", help="Keep the newest N events; none: all of them.")
    ] = None,
    age: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Keep events for so long: 12h, 7d; none: for ever."),
    ] = None,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Set how much of a stream is kept from now on; the server removes the rest by itself.

    What a group has not finished stays, unless that group allows it. The stream is made if it is
    not there.
    """
    name = read_stream(stream)
    settings: dict[str, int | None] = {}
    if length is not None:
        settings["length_max"] = read_option("--length", _LENGTH, _given(length))
    if age is not None:
        settings["age_ms_max"] = read_option("--age", parse_duration_ms, _given(age))
    if not settings:
        raise mistake("say how much is kept: give --length, --age or both")
    with open_client(server) as client:
        _ask_to_retain(client, name, settings, yes=yes)
        client.set_stream(name, **cast("StreamSettings", settings))


def delete(
    stream: StreamName,
    group: Annotated[
        str | None, typer.Argument(metavar="GROUP", help="Only this group, and its cursor.")
    ] = None,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Remove a stream with its events and its groups for good, or one of its groups."""
    name = read_stream(stream)
    read_option("GROUP", require_utf8, group)
    with open_client(server) as client:
        found = find_stream(client, name)
        if group is None:
            events, its_groups = counted(found.length, "event"), len(found.groups)
            what = f"its {events} and its {counted(its_groups, 'group')}"
            confirm(f"delete stream {name}, {what} for good?", yes=yes)
            is_gone = client.delete_stream(name)
        else:
            what = "its cursor and what is pending in it"
            confirm(f"forget group {group} of stream {name}, {what}?", yes=yes)
            is_gone = client.delete_group(name, group)
    if not is_gone:
        raise CommandFailed(Exit.REFUSED, f"NOGROUP stream {name} has no group {group}")


for _name, _verb in (
    ("tail", tail),
    ("publish", publish),
    ("list", list_),
    ("groups", groups),
    ("move", move),
    ("show", show),
    ("trim", trim),
    ("retain", retain),
    ("delete", delete),
):
    events_app.command(_name, cls=HelpfulCommand)(_verb)


# --- streams -------------------------------------------------------------------------------------


def _lag(stream: StreamInfo) -> int | None:
    """Return how far the last group is behind; None if there is none, or it is not known."""
    lags = [group.lag for group in stream.groups if group.lag is not None]
    return max(lags, default=None)


def _stream_document(stream: StreamInfo) -> dict[str, Any]:
    document = {name: getattr(stream, name, None) for name in _STREAM_FACTS}
    return document | {"groups": len(stream.groups), "lag": _lag(stream)}


def _write_streams(found: Sequence[StreamInfo]) -> None:
    if not found:
        note("there are none")
        return
    now = datetime.now(UTC)
    heads = ["name", "length", "last event", "last id", "groups", "lag"]
    rows = [
        [
            printable(stream.name),
            f"{stream.length:,}",
            show_moment(time_of(stream.last_id), now) if stream.length else "",
            stream.last_id,
            f"{len(stream.groups):,}",
            _text(_lag(stream)),
        ]
        for stream in found
    ]
    if any(_show_retention(stream) for stream in found):
        heads.append("keeps")
        for row, stream in zip(rows, found, strict=True):
            row.append(_show_retention(stream))
    write_table(heads, rows, whole=heads)


def _show_retention(stream: StreamInfo) -> str:
    told = []
    if stream.length_max is not None:
        told.append(f"{stream.length_max:,}")
    if stream.age_ms_max is not None:
        told.append(show_duration(stream.age_ms_max))
    return ", ".join(told)


# --- events --------------------------------------------------------------------------------------


def _find(client: Client, stream: str, wanted: str) -> Event | None:
    if wanted in _ENDS:
        found = client.events(stream, limit=1, backwards=wanted == "last")
    else:
        found = client.events(stream, wanted, wanted, limit=1)
    return next(iter(found), None)


def _ask_to_trim(
    found: StreamInfo, length_max: int | None, bound: Position | None, *, yes: bool
) -> None:
    if length_max is not None:
        count = found.length - length_max
        what = f"the oldest {counted(max(count, 0), 'event')} of the {found.length}"
        # Nobody need be asked about nothing.
        yes = yes or count <= 0
    else:
        what = f"all events before {_show_bound(bound)}"
    confirm(f"remove {what} of stream {found.name} for good?", yes=yes)


def _tell_kept(client: Client, stream: str, length_max: int | None, bound: Position | None) -> None:
    """Say so where groups kept more than was meant to be."""
    from penstock.client.position import order_of

    found = client.stream(stream)
    if length_max is not None:
        is_kept = found.length > length_max
    else:
        assert bound is not None
        kept_from = order_of(bound) if isinstance(bound, str) else (_unix_ms(bound), 0)
        is_kept = found.first_id is not None and order_of(found.first_id) < kept_from
    if is_kept:
        note(
            f"{counted(found.length, 'event')} are left: a group has not finished what it was to"
            f" be trimmed to (penstock events groups {stream})"
        )


def _ask_to_retain(
    client: Client, stream: str, settings: dict[str, int | None], *, yes: bool
) -> None:
    """Ask where events that are there would go."""
    info = look_for_stream(client, stream)
    if info is None or yes:
        return
    length_max, age_ms = settings.get("length_max"), settings.get("age_ms_max")
    if length_max is not None and info.length > length_max:
        what = f"the oldest {counted(info.length - length_max, 'event')} of the {info.length}"
    elif age_ms is not None and info.first_id and time_of(info.first_id) < _now_ms() - age_ms:
        what = f"all events that are older than {show_duration(age_ms)}"
    else:
        return
    confirm(f"this removes {what} of stream {stream} for good; go on?", yes=False)


def _show_bound(bound: Position | None) -> str:
    return bound if isinstance(bound, str) else show_time(_unix_ms(bound))


def _unix_ms(moment: Position | None) -> int:
    if isinstance(moment, datetime):
        return round(moment.timestamp() * 1000)
    assert isinstance(moment, int)
    return moment


def _now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)


def _given(text: str) -> str | None:
    return None if text == _NONE else text


def _text(value: object) -> str:
    return "" if value is None else printable(str(value))
