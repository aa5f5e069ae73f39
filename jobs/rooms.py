"""Room in the queues that have limits: who is let in, who waits, who has to go."""

from collections.abc import Hashable
from typing import Final

from penstock.jobs.admission import Parked, Room, is_urgent, limit_text, retry_after_ms, room
from penstock.jobs.errors import QueueFull
from penstock.jobs.model import Instant, QueueName
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import WhenFull
from penstock.jobs.ready import Ready
from penstock.jobs.revisions import Revisions
from penstock.jobs.transitions import Cause

DROPPED: Final = "dropped: its queue was full, and all others were as urgent or older"


class Rooms:
    """Holds submissions against the limits of their queues. What is stored is never refused."""

    __slots__ = ("_priority", "_ready", "_revisions", "parked")

    def __init__(
        self, ready: Ready, revisions: Revisions, *, priority: int, parked_max: int
    ) -> None:
        self._ready = ready
        self._revisions = revisions
        self._priority = priority  # Of a submission that names none.
        self.parked: Parked[Hashable] = Parked(parked_max)

    def check(self, queue: Queue, request: SubmitRequest, now: Instant, *, waited: bool) -> None:
        """Let a submission in, or not.

        Raises:
            QueueFull: there is no room, or others wait for it already.
        """
        terms = queue.terms
        if terms.when_full is WhenFull.DROP:
            return  # Once it is stored, the least urgent goes.
        priority = self._priority if request.priority is None else request.priority
        urgent = is_urgent(priority, is_call=request.is_call)
        count, size = _waiting(queue)
        found = room(terms, count, size, len(request.payload), is_urgent=urgent)
        if found is Room.FULL or (not waited and not urgent and self.parked.count(queue.name)):
            queue.counters.refused += not waited
            after_ms = retry_after_ms(count, queue.pace.per_second(now))
            raise QueueFull(queue.name, limit_text(terms, count, is_urgent=urgent), after_ms)

    def park(self, name: QueueName, token: Hashable, payload_bytes: int) -> bool:
        """Let a submission wait that found no room, if its queue does so; say whether it does.

        Raises:
            Overloaded: too many wait.
        """
        if self._ready.queue(name).terms.when_full is not WhenFull.WAIT:
            return False
        self.parked.park(name, token, payload_bytes)
        return True

    def next(self) -> list[Hashable]:
        """Return of each queue that has room again who has waited the longest."""
        tokens = []
        for name in self.parked.queues():
            queue = self._ready.queue(name)
            count, size = _waiting(queue)
            token = self.parked.next_for(name)
            assert token is not None
            size_asked = self.parked.payload_bytes(token)
            if room(queue.terms, count, size, size_asked, is_urgent=False) is Room.YES:
                tokens.append(token)
        return tokens

    def drop_excess(self, queue: Queue, now: Instant) -> None:
        """Cancel the least urgent ready jobs of a queue that holds more than it may.

        Those that are only in the store, behind all that memory holds, are left: memory fills up
        with every job that runs, and the next submission tries again.
        """
        terms = queue.terms
        if terms.when_full is not WhenFull.DROP:
            return
        excess_count = 0 if terms.length_max is None else queue.waiting_count - terms.length_max
        excess_bytes = 0 if terms.bytes_max is None else queue.waiting_bytes - terms.bytes_max
        while excess_count > 0 or excess_bytes > 0:
            job = queue.ready.jobs.last() if queue.ready.jobs.complete else None
            if job is None:
                return
            excess_count -= 1
            excess_bytes -= job.payload_bytes
            queue.counters.dropped += 1
            self._revisions.end_waiting(job, Cause.CANCEL, DROPPED, now)


def _waiting(queue: Queue) -> tuple[int, int]:
    """Return the jobs and the bytes that wait, those on their way to the store included."""
    count = queue.waiting_count + queue.admitted_count
    return count, queue.waiting_bytes + queue.admitted_bytes
