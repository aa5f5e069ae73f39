"""A place in a stream, as the command line says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.options import WHEN, read_option, read_when, require_utf8

if TYPE_CHECKING:
    from penstock.client import Client, Position, StreamInfo

_NO_STREAM: Final = "no such key"  # What Redis, and so the server, calls it.
_WORDS: Final = ("start", "now", "cursor")
_ID: Final = re.compile(r"\d{1,19}-\d{1,19}")

StreamName = Annotated[str, typer.Argument(metavar="STREAM", help="The stream.")]


def read_stream(text: str) -> str:
    name = read_option("STREAM", require_utf8, text)
    assert name is not None
    return name


def find_stream(client: Client, name: str) -> StreamInfo:
    """Ask the server about a stream.

    Raises:
        CommandFailed: there is no such stream; the server's own words are about keys.
    """
    found = look_for_stream(client, name)
    if found is None:
        raise CommandFailed(Exit.REFUSED, f"ERR {_NO_STREAM}: there is no stream {name}")
    return found


def look_for_stream(client: Client, name: str) -> StreamInfo | None:
    """Ask likewise; None: it is not there, or not any more."""
    from penstock.client import Refused

    try:
        return client.stream(name)
    except Refused as refusal:
        if refusal.text != _NO_STREAM:
            raise
        return None


def read_place(text: str) -> Position:
    """Read where to begin: a word, an id, behind which it is, or a time.

    Raises:
        ValueError: it is none of them.
    """
    return text if text in _WORDS else read_bound(text)


def read_bound(text: str) -> Position:
    """Read an id or a time; raises as `read_place` does."""
    if _ID.fullmatch(text):
        return text
    try:
        return read_when(text)
    except ValueError:
        raise ValueError(f"it must be an id such as 1700000000000-0, or {WHEN}") from None


def read_event_id(text: str) -> str:
    """Read the id of one event; raises as `read_place` does."""
    if not _ID.fullmatch(text):
        raise ValueError("it must be an id such as 1700000000000-0")
    return text


def time_of(event_id: str) -> int:
    """Return the unix milliseconds that an id begins with."""
    return int(event_id.partition("-")[0])
