"""Room in the queues that have limits: who is let in, who waits, who has to go."""

from collections.abc import Hashable, Sequence
from typing import Final

from penstock.config.limits import SLICE_JOBS_MAX
from penstock.jobs.admission import Parked, Room, is_urgent, limit_text, retry_after_ms, room
from penstock.jobs.errors import QueueFull
from penstock.jobs.model import Instant, Job, JobId, QueueName
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import WhenFull
from penstock.jobs.ready import Ready
from penstock.jobs.revisions import Revisions
from penstock.jobs.store.port import TailQuestion
from penstock.jobs.transitions import Cause

_DROP_MIN: Final = 16  # Jobs asked for at least, where bytes are to be freed.
DROPPED: Final = "dropped: its queue was full, and all others were as urgent or older"


class Rooms:
    """Holds submissions against the limits of their queues. What is stored is never refused."""

    __slots__ = ("_dropping", "_overfull", "_priority", "_ready", "_revisions", "parked")

    def __init__(
        self, ready: Ready, revisions: Revisions, *, priority: int, parked_max: int
    ) -> None:
        self._ready = ready
        self._revisions = revisions
        self._priority = priority  # Of a submission that names none.
        self.parked: Parked[Hashable] = Parked(parked_max)
        # Payload bytes of the jobs whose end is on its way to the store, by queue.
        self._dropping: dict[QueueName, dict[JobId, int]] = {}
        self._overfull: dict[QueueName, None] = {}  # Queues whose last jobs are to be asked for.

    def check(self, queue: Queue, request: SubmitRequest, now: Instant, *, waited: bool) -> None:
        """Let a submission in, or not.

        Raises:
            QueueFull: there is no room, or others wait for it already.
        """
        terms = queue.terms
        drops = terms.when_full is WhenFull.DROP
        if drops and (queue.ready_count or _is_ready(request)):
            return  # Once it is stored, the least urgent goes.
        urgent = drops or self._is_urgent(request)
        count, size = _waiting(queue)
        found = room(terms, count, size, len(request.payload), is_urgent=urgent)
        is_behind = not waited and self.parked.has_any(queue.name, is_urgent=urgent)
        if found is Room.FULL or is_behind:
            queue.counters.refused += terms.when_full is not WhenFull.WAIT
            after_ms = retry_after_ms(count, queue.pace.per_second(now))
            raise QueueFull(queue.name, limit_text(terms, count, is_urgent=urgent), after_ms)

    def park(self, request: SubmitRequest, token: Hashable) -> bool:
        """Let a submission wait that found no room, if its queue does so; say whether it does.

        Raises:
            Overloaded: too many wait.
        """
        name = request.queue
        if self._ready.queue(name).terms.when_full is not WhenFull.WAIT:
            return False
        urgent = self._is_urgent(request)
        self.parked.park(name, token, len(request.payload), is_urgent=urgent)
        return True

    def next(self) -> list[Hashable]:
        """Return of each queue that has room again who has waited the longest."""
        tokens = []
        for name in self.parked.queues():
            queue = self._ready.queue(name)
            count, size = _waiting(queue)
            token = self.parked.next_for(name)
            assert token is not None
            asked = self.parked.payload_bytes(token)
            urgent = self.parked.is_urgent(token)
            found = room(queue.terms, count, size, asked, is_urgent=urgent)
            # Since it waits the queue may have come to drop others instead.
            if found is Room.YES or queue.terms.when_full is WhenFull.DROP:
                tokens.append(token)
        return tokens

    def _is_urgent(self, request: SubmitRequest) -> bool:
        priority = self._priority if request.priority is None else request.priority
        return is_urgent(priority, is_call=request.is_call)

    # --- dropping ------------------------------------------------------------------------------

    def stored(self, queue: Queue) -> None:
        """See to a queue that got a job: it may hold more than it may."""
        if queue.terms.when_full is WhenFull.DROP and self._is_overfull(queue):
            self._overfull[queue.name] = None

    def ended(self, job: Job) -> None:
        """Take note that the end of a job is durable, or was undone."""
        if job.reason == DROPPED:
            dropping = self._dropping.get(job.queue, {})
            dropping.pop(job.id, None)
            if not dropping:
                self._dropping.pop(job.queue, None)

    @property
    def has_questions(self) -> bool:
        return bool(self._overfull)

    def questions(self) -> list[TailQuestion]:
        """Ask for the last jobs of queues that hold more than they may."""
        names, self._overfull = list(self._overfull), {}
        queues = [self._ready.queues[name] for name in names if name in self._ready.queues]
        return [TailQuestion(queue.name, self._drop_max(queue)) for queue in queues]

    def ask_again(self, questions: Sequence[TailQuestion]) -> None:
        """Keep questions for the next commit, as the one that carried them failed."""
        self._overfull.update(dict.fromkeys(question.queue for question in questions))

    def answer(self, question: TailQuestion, jobs: Sequence[Job], now: Instant) -> None:
        """Cancel the last jobs of a queue, as far as it holds more than it may."""
        queue = self._ready.queues.get(question.queue)
        if queue is None:
            return
        dropping = self._dropping.setdefault(queue.name, {})
        dropped_any = False
        for job in jobs:
            if not self._is_overfull(queue):
                break
            if self._revisions.is_idle(job) and not queue.is_purged(job):
                dropping[job.id] = job.payload_bytes
                queue.counters.dropped += 1
                self._revisions.end_waiting(job, Cause.CANCEL, DROPPED, now)
                dropped_any = True
        if not dropping:
            del self._dropping[queue.name]
        if dropped_any:
            self.stored(queue)

    def _drop_max(self, queue: Queue) -> int:
        """Return how many of the last jobs to ask for; some of them may run already."""
        length_max = queue.terms.length_max
        excess = 0 if length_max is None else queue.waiting_count - length_max
        return min(SLICE_JOBS_MAX, max(excess, _DROP_MIN) + queue.claimed_count)

    def _is_overfull(self, queue: Queue) -> bool:
        if queue.settings.purged_until:
            return False  # It makes room already, and how much is known when it is through.
        terms = queue.terms
        dropping = self._dropping.get(queue.name, {})
        count = queue.waiting_count - len(dropping)
        if terms.length_max is not None and count > terms.length_max:
            return True
        if terms.bytes_max is None or count <= 1:
            return False
        return queue.waiting_bytes - sum(dropping.values()) > terms.bytes_max


def _is_ready(request: SubmitRequest) -> bool:
    """Say whether a job is ready as soon as it is stored, and so may be the one that is dropped."""
    if request.wishes is not None and request.wishes.group is not None:
        return False
    return request.delay_ms is None and request.at is None


def _waiting(queue: Queue) -> tuple[int, int]:
    """Return the jobs and the bytes that wait, those on their way to the store included."""
    count = queue.waiting_count + queue.admitted_count
    return count, queue.waiting_bytes + queue.admitted_bytes
