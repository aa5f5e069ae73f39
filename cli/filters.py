"""Which jobs are meant, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from penstock.cli.flags import group_of
from penstock.cli.options import WHEN, read_option, read_when, require_utf8
from penstock.config.kinds import Choice

if TYPE_CHECKING:
    from penstock.client.filters import DeadFilter, JobFilter

_WHEN: Final = f"{WHEN}."


@dataclass(frozen=True, slots=True)
class DeadFlags:
    """Which dead jobs of a queue."""

    queue: Annotated[str | None, typer.Option(metavar="NAME", help="In this queue.")] = None
    task: Annotated[str | None, typer.Option(metavar="NAME", help="Of this task.")] = None
    error: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Of which a failed attempt's error contains this text."),
    ] = None
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"Submitted at or after: {_WHEN}")
    ] = None
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Submitted before: as for --since.")
    ] = None

    def for_client(self) -> DeadFilter:
        """Return the filters beside the queue, as the client takes them.

        Raises:
            CommandFailed: one cannot be understood.
        """
        return cast("DeadFilter", _given(_span(self), {"task": self.task, "error": self.error}))


@dataclass(frozen=True, slots=True)
class JobFlags(DeadFlags):
    """Which jobs."""

    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE",
            help="scheduled, blocked, ready, claimed, completed, dead, cancelled, expired; or"
            " waiting, unfinished, finished.",
        ),
    ] = None
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Of this tenant.")] = None
    group: Annotated[str | None, typer.Option(metavar="KEY", help="Of this group.")] = None
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Submitted with this key.")] = None
    connection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Submitted by a client of this name."),
    ] = None

    def for_list(self) -> JobFilter:
        """Return all filters, as the client takes them; raises as `for_client` does."""
        texts = {
            name: getattr(self, name)
            for name in ("queue", "task", "error", "tenant", "group", "key", "connection")
        }
        state = read_option("--state", _read_state, self.state)
        return cast("JobFilter", _given({"state": state, **_span(self)}, texts))


DEAD_FLAGS: Final = group_of(DeadFlags)
JOB_FLAGS: Final = group_of(JobFlags)


def _given(read: dict[str, object], texts: dict[str, str | None]) -> dict[str, object]:
    for name, text in texts.items():
        read_option(f"--{name}", require_utf8, text)
    return {name: value for name, value in {**texts, **read}.items() if value is not None}


def _span(flags: DeadFlags) -> dict[str, object]:
    return {
        "since": read_option("--since", read_when, flags.since),
        "until": read_option("--until", read_when, flags.until),
    }


def _read_state(text: str) -> str:
    from penstock.protocol.states import STATE_FILTERS

    return Choice(tuple(STATE_FILTERS)).read(text, typed=False)
