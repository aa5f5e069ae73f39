"""Which queues somebody follows: every transition of their jobs is an event."""

from collections.abc import Iterable

from penstock.jobs.events.life import is_life_stream, life_stream, queue_of
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.stream import ALL_JOBS
from penstock.jobs.model import QueueName


class Followed:
    """The queues whose jobs somebody follows, as of the last commit."""

    __slots__ = ("_all", "_queues")

    def __init__(self) -> None:
        self._queues: frozenset[QueueName] = frozenset()
        self._all = False

    def __bool__(self) -> bool:
        return self._all or bool(self._queues)

    def covers(self, queue: QueueName) -> bool:
        """Say whether the transitions of a queue's jobs are events."""
        return self._all or queue in self._queues

    def streams_of(self, queue: QueueName) -> tuple[StreamName, ...]:
        """Return the streams that a transition in a queue is written to."""
        own = (life_stream(queue),) if queue in self._queues else ()
        return (*own, ALL_JOBS) if self._all else own

    @property
    def streams(self) -> list[StreamName]:
        """Return all streams that are written to."""
        own = [life_stream(queue) for queue in sorted(self._queues)]
        return [*own, ALL_JOBS] if self._all else own

    def follow(self, streams: Iterable[StreamName]) -> None:
        """Take the streams that have a group; those that are not told of jobs are left alone."""
        queues = [queue_of(stream) for stream in streams if is_life_stream(stream)]
        self._all = None in queues
        self._queues = frozenset(queue for queue in queues if queue is not None)
