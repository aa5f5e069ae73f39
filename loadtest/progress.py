"""The progress bar of a measurement, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from penstock.loadtest.driver import Bounds
from penstock.loadtest.tally import Tally

_RATE_SECONDS = 0.5  # The rate shown is that of the last half second.


@contextmanager
def show_share(console: Console) -> Iterator[Callable[[float, str, str], None]]:
    """Yield what is called with the share that is done, and words before and after the bar.

    It draws nothing where nobody watches.
    """
    if not console.is_terminal:
        yield _ignore_share
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0, figures="")

        def draw(share: float, doing: str, figures: str) -> None:
            done = min(max(share, 0.0), 1.0)
            progress.update(task, description=doing, completed=done, figures=figures)

        yield draw


@contextmanager
def show_progress(bounds: Bounds, console: Console) -> Iterator[Callable[[Tally], None]]:
    """Yield what the driver calls with its tally; it draws nothing where nobody watches."""
    if not console.is_terminal:
        yield _ignore
        return
    with show_share(console) as draw:
        yield _Bar(draw, bounds).draw


def _ignore(tally: Tally) -> None:
    """Draw nothing."""


def _ignore_share(share: float, doing: str, figures: str) -> None:
    """Draw nothing."""


class _Bar:
    """Turns tallies into the position of a bar: by time or by count, whichever is further."""

    def __init__(self, draw: Callable[[float, str, str], None], bounds: Bounds) -> None:
        self._draw = draw
        self._bounds = bounds
        self._started = self._rate_at = perf_counter()
        self._rate_count = 0
        self._rate = 0.0

    def draw(self, tally: Tally) -> None:
        now = perf_counter()
        if now - self._rate_at >= _RATE_SECONDS:
            self._rate = (tally.answered - self._rate_count) / (now - self._rate_at)
            self._rate_at, self._rate_count = now, tally.answered
        measured = now - self._started - self._bounds.warm_up_seconds
        done = max(
            measured / self._bounds.seconds if self._bounds.seconds else 1.0,
            tally.ok_measured / self._bounds.requests_max,
        )
        waiting = tally.sent - tally.answered
        self._draw(
            done,
            "warming up" if measured < 0 else "measuring" if done < 1 else "draining",
            f"{self._rate:,.0f}/s · {tally.answered:,} answered · {waiting:,} in flight"
            + (f" · {sum(tally.errors.values()):,} errors" if tally.errors else ""),
        )
