"""Events as text: a line for people, a line for pipes, an object for programs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from penstock.cli.output import on_terminal, printable, tabbed, write_line

if TYPE_CHECKING:
    from rich.console import Console

    from penstock.client import Event

# Of a value in a line that people read; events show and --json have all of it.
_VALUE_CHARACTERS_MAX: Final = 200
_PLAIN: Final = re.compile(r"[^\s\"'=]+")


class EventLines:
    """Writes events as they come, one a line: all their fields, or the values of some."""

    def __init__(self, names: Sequence[str], *, as_json: bool, with_deliveries: bool) -> None:
        self.written = 0
        self._names = names
        self._as_json = as_json
        self._with_deliveries = with_deliveries
        self._console: Console | None = None

    def write(self, event: Event) -> None:
        """Write one event, at once."""
        self.written += 1
        if self._as_json:
            document = event_document(event, self._names)
            if self._with_deliveries:
                document["deliveries"] = event.deliveries
            write_line(json.dumps(document, ensure_ascii=False))
        elif self._names:
            values = [_value(event, name) for name in self._names]
            write_line(" ".join(values) if on_terminal() and len(values) == 1 else tabbed(values))
        elif on_terminal():
            self._write_terminal(event)
        else:
            write_line(tabbed([event.id, *(f"{n}={v}" for n, v in text_pairs(event))]))

    def _write_terminal(self, event: Event) -> None:
        from rich.text import Text

        if self._console is None:
            from rich.console import Console

            self._console = Console(highlight=False)
        local = datetime.fromtimestamp(event.published_at / 1000, UTC).astimezone()
        line = Text()
        line.append(local.strftime("%H:%M:%S.%f")[:-3])
        line.append(f" {event.id}", "dim")
        if self._with_deliveries and event.deliveries > 1:
            line.append(f" ({event.deliveries} deliveries)", "yellow")
        for name, value in _decoded(event):
            line.append(f" {printable(name)}=", "cyan")
            line.append(_quoted(value))
        self._console.print(line, no_wrap=True, overflow="ellipsis")


def event_document(event: Event, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return an event for JSON; with *names* it has these fields alone.

    A field that came more than once is a list, and what is no text stands in `fields_base64`.
    """
    fields: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for raw_name, raw in event.raw:
        name = raw_name.decode(errors="replace")
        if names and name not in names:
            continue
        try:
            _add(fields, name, raw.decode())
        except UnicodeDecodeError:
            _add(others, name, base64.b64encode(raw).decode())
    document = {
        "stream": event.stream,
        "id": event.id,
        "published_at": event.published_at,
        "fields": fields,
    }
    return {**document, "fields_base64": others} if others else document


def text_pairs(event: Event) -> list[tuple[str, str]]:
    """Return names and values in their order, fit for a terminal."""
    return [(printable(name), printable(value)) for name, value in _decoded(event)]


def _decoded(event: Event) -> list[tuple[str, str]]:
    return [
        (name.decode(errors="backslashreplace"), value.decode(errors="backslashreplace"))
        for name, value in event.raw
    ]


def _value(event: Event, name: str) -> str:
    """Return the value of a field; nothing if it is not there, the last if it is there twice."""
    found = [value for each, value in text_pairs(event) if each == printable(name)]
    return found[-1] if found else ""


def _quoted(value: str) -> str:
    if len(value) > _VALUE_CHARACTERS_MAX:
        value = f"{value[:_VALUE_CHARACTERS_MAX]}..."
    return printable(value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False))


def _add(fields: dict[str, Any], name: str, value: str) -> None:
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]
