"""`penstock events publish`: an event, or one for each line of a file."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.connection import open_client
from penstock.cli.exits import CommandFailed, Exit, mistake
from penstock.cli.lines import Line, opened, read_batches
from penstock.cli.options import Json, Server, read_option, read_pairs, require_utf8
from penstock.cli.output import counted, write_json, write_line
from penstock.cli.places import StreamName, read_stream
from penstock.cli.progress import Silence, progress

if TYPE_CHECKING:
    from penstock.client import Client, Refused

Fields = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FIELD=VALUE",
        help="The fields, in their order, such as type=order.paid order=17; values go as they are.",
        show_default=False,
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Publish one event for each line of this file (JSON Lines), which is an object of the"
        " fields; - reads standard input. With --key, the n-th line gets the key KEY:n.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Publish once: a key that was used on this stream within a day gives the first"
        " event. (default: a random key)",
    ),
]


def publish(
    stream: StreamName,
    fields: Fields = None,
    file: File = None,
    key: Key = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Publish an event, or one for each line of a file, and print the ids once they are on disk."""
    name = read_stream(stream)
    read_option("--key", require_utf8, key)
    if file is not None and fields:
        raise mistake("FIELD=VALUE and --file exclude each other; give one of them")
    if file is not None:
        with (
            opened(file) as descriptor,
            open_client(server) as client,
            progress(descriptor, "events") as shown,
        ):
            _Publishing(client, name, key, shown, as_json=as_json).publish_lines(descriptor)
        return
    if not fields:
        raise mistake("an event has at least one field; write FIELD=VALUE, or name a --file")
    given = read_pairs(fields, "FIELD=VALUE")
    with open_client(server) as client:
        event_id = client.options(key=key).publish(name, given)
    if as_json:
        write_json({"id": event_id})
    else:
        write_line(event_id)


class _Publishing:
    """A file that is being published."""

    def __init__(
        self, client: Client, stream: str, key: str | None, shown: Silence, *, as_json: bool
    ) -> None:
        self._client = client
        self._stream = stream
        self._key = key
        self._shown = shown
        self._as_json = as_json
        self._count = 0

    def publish_lines(self, descriptor: int) -> None:
        """Publish batch after batch.

        Raises:
            CommandFailed: a line is no event, or was refused.
        """
        sending: list[Line] = []
        try:
            for batch in read_batches(descriptor, self._shown.read):
                events = [self._read(line) for line in batch]
                sending = batch
                refusals = self._publish_batch(batch, events)
                sending = []
                if refusals:
                    told = self._tell_refusals(refusals, batch[-1].number)
                    raise CommandFailed(Exit.REFUSED, told)
        except KeyboardInterrupt:
            raise CommandFailed(Exit.INTERRUPTED, self._tell_stop(sending)) from None

    def _read(self, line: Line) -> dict[str, object]:
        try:
            fields = json.loads(line.payload)
        except (ValueError, RecursionError):
            fields = None
        if not (isinstance(fields, dict) and fields):
            raise mistake(
                f'line {line.number} is no object of fields, such as {{"type": "order.paid"}};'
                f" {counted(self._count, 'event')} before it were published"
            )
        return fields

    def _publish_batch(
        self, batch: list[Line], events: list[dict[str, object]]
    ) -> list[tuple[int, Refused]]:
        from penstock.client import PenstockError, Refused

        refusals = []
        written = []
        # Leaving the block raises the first error; each line's own is asked for below.
        with suppress(PenstockError), self._client.pipeline() as pipeline:
            asked = [
                pipeline.options(key=self._key_of(line)).publish(self._stream, fields)
                for line, fields in zip(batch, events, strict=True)
            ]
        for line, answer in zip(batch, asked, strict=True):
            try:
                written.append(self._line(line.number, answer.value))
            except Refused as refusal:
                refusals.append((line.number, refusal))
        self._count += len(written)
        self._shown.stored(len(written))
        if written:
            self._shown.write_lines(written)
        return refusals

    def _key_of(self, line: Line) -> str | None:
        return None if self._key is None else f"{self._key}:{line.number}"

    def _line(self, number: int, event_id: str) -> str:
        return json.dumps({"line": number, "id": event_id}) if self._as_json else event_id

    def _tell_refusals(self, refusals: list[tuple[int, Refused]], last: int) -> str:
        number, refusal = refusals[0]
        others = f" (and {len(refusals) - 1} more lines were)" if len(refusals) > 1 else ""
        return (
            f"line {number} was refused{others}: {refusal}; {self._count} events were published,"
            f" and nothing beyond line {last}"
        )

    def _tell_stop(self, sending: list[Line]) -> str:
        told = f"stopped after {counted(self._count, 'acknowledged event')}"
        if not sending:
            return told
        told += f"; of lines {sending[0].number} to {sending[-1].number} it is not known"
        if self._key is None:
            return told
        return f"{told}; as it has a --key, the same command is safe to repeat"
