"""`penstock events tail`: the events of a stream as they come."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import typer

from penstock.cli.connection import open_client
from penstock.cli.event_text import EventLines
from penstock.cli.exits import mistake
from penstock.cli.flags import flattened, group_of
from penstock.cli.options import (
    WHEN,
    Json,
    Server,
    read_option,
    read_pairs,
    require_utf8,
    whole,
)
from penstock.cli.output import note, on_terminal
from penstock.cli.places import StreamName, read_place, read_stream
from penstock.config.limits import CLIENT_READ_EVENTS_DEFAULT

if TYPE_CHECKING:
    from penstock.client import Client, Event, Position, Subscription

_COUNT: Final = whole("events", 1, 2**63 - 1)
_LAST: Final = whole("events", 1, 1_000_000)

Match = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=PATTERN",
        help="Only events of which this field matches, such as type=order.*; all that are given"
        " must.",
    ),
]


@dataclass(frozen=True, slots=True)
class TailFlags:
    """Which events are followed, as the command line says it."""

    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PLACE",
            help=f"Where to begin: start, now, an id, behind which it begins, or {WHEN}; cursor is"
            " where the group stands. (default: now; with --group: cursor)",
        ),
    ] = None
    last: Annotated[str | None, typer.Option(metavar="N", help="Begin with the last N events.")] = (
        None
    )
    match: Match = None
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Read as a consumer of this group, which is made if it is not there: each event"
            " goes to one consumer, and is acknowledged when the next one is asked for.",
        ),
    ] = None
    consumer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --group: go on with what this one had left."),
    ] = None
    count: Annotated[str | None, typer.Option(metavar="N", help="End after so many events.")] = None
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="End where nothing more is there.")
    ] = False

    @property
    def last_count(self) -> int | None:
        return read_option("--last", _LAST, self.last)

    @property
    def wanted_count(self) -> int | None:
        return read_option("--count", _COUNT, self.count)

    def check(self) -> None:
        """Raise CommandFailed if options contradict each other, or one cannot be understood."""
        for option, text in (("--group", self.group), ("--consumer", self.consumer)):
            read_option(option, require_utf8, text)
        if self.last is not None and (self.from_ is not None or self.group is not None):
            raise mistake("--last excludes --from and --group; give one of them")
        if self.consumer is not None and self.group is None:
            raise mistake("--consumer is one of a group; give it with --group")
        if self.from_ == "cursor" and self.group is None:
            raise mistake("only a group has a cursor; give --from cursor with --group")

    def subscribe(self, client: Client, stream: str, start: Position | None) -> Subscription:
        """Subscribe, from *start* on or from where the options have it."""
        if start is None:
            start = read_option("--from", read_place, self.from_)
        if start is None:
            start = "now" if self.group is None else "cursor"
        batch = CLIENT_READ_EVENTS_DEFAULT
        return client.subscribe(
            stream,
            group=self.group,
            consumer=self.consumer,
            from_=start,
            match=read_pairs(self.match, "FIELD=PATTERN") or None,
            batch=min(self.wanted_count or batch, batch),
            wait_ms=0 if self.no_follow else None,
        )


@flattened
def tail(
    stream: StreamName,
    flags: Annotated[TailFlags, group_of(TailFlags)],
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Write the values of this field alone, or of several."),
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Follow a stream: write each event on a line of its own, as it comes, until Ctrl-C."""
    name, wanted = read_stream(stream), flags.wanted_count
    flags.check()
    patterns = read_pairs(flags.match, "FIELD=PATTERN")
    read_option("--from", read_place, flags.from_)
    lines = EventLines(field or (), as_json=as_json, with_deliveries=flags.group is not None)
    start: Position | None = None
    with open_client(server) as client:
        if (shown := flags.last_count) is not None:
            events = _last(client, name, shown, patterns)
            for event in events if wanted is None else events[:wanted]:
                lines.write(event)
            start = events[-1].id if events else "start"
        if wanted is None or lines.written < wanted:
            if on_terminal() and not client.execute("EXISTS", name):
                note(f"there is no stream {name} yet")
            _follow(flags.subscribe(client, name, start), lines, wanted, no_follow=flags.no_follow)


def _follow(
    subscription: Subscription, lines: EventLines, wanted: int | None, *, no_follow: bool
) -> None:
    with subscription:
        if on_terminal() and not no_follow:
            note(f"following {subscription.stream}; Ctrl-C ends it")
        for event in subscription:
            lines.write(event)
            if lines.written == wanted:
                break


def _last(client: Client, stream: str, count: int, patterns: dict[str, str]) -> list[Event]:
    """Return the last events that match, the oldest first."""
    from penstock.client.patterns import Patterns

    found = client.events(stream, backwards=True)
    if patterns:
        matcher = Patterns(patterns)
        found = (event for event in found if matcher.matches(event.raw))
    return list(islice(found, count))[::-1]
