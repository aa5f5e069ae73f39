"""`penstock events groups` and `penstock events move`: who reads a stream, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from penstock.cli.connection import open_client
from penstock.cli.options import WHEN, Json, Server, read_option, require_utf8
from penstock.cli.output import (
    note,
    on_terminal,
    printable,
    show_duration,
    write_json,
    write_table,
)
from penstock.cli.places import StreamName, find_stream, read_place, read_stream

if TYPE_CHECKING:
    from penstock.client import ConsumerInfo, GroupInfo

_GROUP_FACTS: Final = ("name", "consumers", "pending", "cursor", "lag", "allows_trim")
# On a terminal only where a group does.
_SELDOM: Final = "allows_trim"
_CONSUMER_FACTS: Final = ("name", "pending", "idle_ms")


def groups(
    stream: StreamName,
    group: Annotated[
        str | None, typer.Argument(metavar="GROUP", help="Only this group, with its consumers.")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List the groups of a stream with how far each has come, or show one with its consumers."""
    name = read_stream(stream)
    read_option("GROUP", require_utf8, group)
    with open_client(server) as client:
        found = find_stream(client, name).groups
        if group is None:
            _write_groups(found, as_json=as_json)
            return
        named = [each for each in found if each.name == group]
        # The server says best that there is none.
        _write_group(named, client.consumers(name, group), as_json=as_json)


def move(
    stream: StreamName,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="The group.")],
    place: Annotated[
        str,
        typer.Argument(metavar="PLACE", help=f"start, now, an id, behind which it is, or {WHEN}."),
    ],
    server: Server = None,
) -> None:
    """Put the cursor of a group somewhere else: back, to read again, or ahead, to skip."""
    name, target = read_stream(stream), read_option("PLACE", read_place, place)
    read_option("GROUP", require_utf8, group)
    assert target is not None
    with open_client(server) as client:
        client.move_group(name, group, target)


def _facts(value: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _write_groups(found: Sequence[GroupInfo], *, as_json: bool) -> None:
    documents = [_facts(group, _GROUP_FACTS) for group in found]
    if as_json:
        write_json(documents)
    elif not found and on_terminal():
        note("there are none")
    else:
        facts = [
            name
            for name in _GROUP_FACTS
            if name != _SELDOM or not on_terminal() or any(each.allows_trim for each in found)
        ]
        rows = [[_text(document[name]) for name in facts] for document in documents]
        write_table([name.replace("_", " ") for name in facts], rows, whole=facts)


def _write_group(
    named: Sequence[GroupInfo], consumers: Sequence[ConsumerInfo], *, as_json: bool
) -> None:
    if as_json:
        document = _facts(named[0], _GROUP_FACTS) if named else {}
        document["consumers"] = [_facts(consumer, _CONSUMER_FACTS) for consumer in consumers]
        write_json(document)
        return
    if not on_terminal():
        rows = [[_text(getattr(each, name)) for name in _CONSUMER_FACTS] for each in consumers]
        write_table(_CONSUMER_FACTS, rows)
        return
    for group in named:
        facts = [(name, _text(getattr(group, name))) for name in _GROUP_FACTS[2:5]]
        facts.append(("allows trim", "yes" if group.allows_trim else "no"))
        write_table(["", f"group {printable(group.name)}"], facts)
    rows = [
        [printable(each.name), f"{each.pending:,}", show_duration(each.idle_ms)]
        for each in consumers
    ]
    heads = ("consumer", "pending", "last heard of, ago")
    if rows:
        write_table(heads, rows, whole=heads)
    else:
        note("it has no consumers")


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
    return printable(str(value))
