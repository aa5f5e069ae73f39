"""Rows of the metrics page: one each for the busiest, and one for all others."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from penstock.config.limits import METRICS_GROUPS_MAX, METRICS_QUEUES_MAX, METRICS_STREAMS_MAX
from penstock.server.metric_views import (
    OTHER,
    GroupView,
    QueueView,
    StreamView,
    summed_groups,
    summed_queues,
    summed_streams,
)


class View(Protocol):
    """What may have a row."""

    @property
    def key(self) -> Hashable: ...

    @property
    def weight(self) -> int:
        """How busy it is."""


V = TypeVar("V", bound=View)


class Rows(Generic[V]):
    """Decide which views have a row of their own.

    Once decided it stays, as long as there is what it shows: a queue that moved between its own
    row and the other queues' would make that row's counters fall, which Prometheus takes for a
    restart.
    """

    def __init__(self, rows_max: int, other: Hashable, summed: Callable[[Sequence[V]], V]) -> None:
        """Take the key of the row of all others, and what makes their view."""
        self._rows_max = rows_max
        self._other = other
        self._summed = summed
        self._own: set[Hashable] = set()
        self._folded: set[Hashable] = set()

    def fold(self, views: Sequence[V]) -> list[V]:
        """Return the views to show: those with their own row, and at most one for all others."""
        self._decide(views)
        rows = [view for view in views if view.key in self._own]
        others = [view for view in views if view.key not in self._own]
        return [*rows, self._summed(others)] if others else rows

    def _decide(self, views: Sequence[V]) -> None:
        keys = {view.key for view in views}
        self._own &= keys
        self._folded = (self._folded & keys) | {self._other}
        new = [v for v in views if v.key not in self._own and v.key not in self._folded]
        new.sort(key=lambda view: view.weight, reverse=True)
        free = self._rows_max - len(self._own)
        self._own.update(view.key for view in new[:free])
        self._folded.update(view.key for view in new[free:])


def queue_rows(rows_max: int = METRICS_QUEUES_MAX) -> Rows[QueueView]:
    return Rows(rows_max, OTHER, summed_queues)


def stream_rows(rows_max: int = METRICS_STREAMS_MAX) -> Rows[StreamView]:
    return Rows(rows_max, OTHER, summed_streams)


def group_rows(rows_max: int = METRICS_GROUPS_MAX) -> Rows[GroupView]:
    return Rows(rows_max, (OTHER, OTHER), summed_groups)
