"""Those who wait, for a job to claim or for a job to finish."""

from typing import NewType

from msgspec import Struct

from penstock.jobs.errors import Overloaded
from penstock.jobs.model import Instant, Job, JobId, QueueName
from penstock.jobs.timers import Timer, Timers

ConsumerId = NewType("ConsumerId", int)  # Who holds leases: one connection.


class Claim(Struct, frozen=True, gc=False):
    """A job handed to a consumer. Without a payload, it has to be read from the store first."""

    job: Job
    payload: bytes | None


class Claimant(Struct, kw_only=True, eq=False):
    """A request for jobs. `token` is whatever the caller wants to know it by."""

    consumer: ConsumerId
    worker: str
    queues: tuple[QueueName, ...]
    jobs_max: int
    token: object
    timer: "Timer[Claimant | Waiter] | None" = None

    def __post_init__(self) -> None:
        assert self.jobs_max >= 1


class Waiter(Struct, kw_only=True, eq=False):
    """A request that is answered when a job finishes. `token` as above.

    `until` is None while it is not parked.
    """

    job_id: JobId
    wait_ms: int
    token: object
    until: Instant | None = None
    timer: "Timer[Claimant | Waiter] | None" = None


class Waits:
    """All waiters and parked claimants that have a deadline, and the waiters by job."""

    __slots__ = ("_by_job", "_waiters_max", "timers", "waiter_count")

    def __init__(self, waiters_max: int) -> None:
        self._waiters_max = waiters_max
        # Waiters by job, in the order they came; a dict is an ordered set.
        self._by_job: dict[JobId, dict[Waiter, None]] = {}
        self.timers: Timers[Claimant | Waiter] = Timers()
        self.waiter_count = 0

    def reserve(self) -> None:
        """Keep a place for a waiter whose job is not there yet; `unreserve` gives it back.

        Raises:
            Overloaded: too many wait.
        """
        if self.waiter_count >= self._waiters_max:
            raise Overloaded("calls and waits that are parked", self._waiters_max)
        self.waiter_count += 1

    def unreserve(self) -> None:
        self.waiter_count -= 1

    def add(self, waiter: Waiter, now: Instant) -> None:
        """Park a waiter. Raises Overloaded."""
        self.reserve()
        self._by_job.setdefault(waiter.job_id, {})[waiter] = None
        waiter.until = Instant(now + waiter.wait_ms)

    def start(self, waiter: Waiter) -> None:
        """Let a wait end when its time is over, if it has not ended already."""
        if waiter.until is not None:
            waiter.timer = self.timers.add(waiter.until, waiter)

    def remove(self, waiter: Waiter) -> bool:
        """Forget a waiter; say whether it was still waiting."""
        if waiter.until is None:
            return False
        waiters = self._by_job[waiter.job_id]
        del waiters[waiter]
        if not waiters:
            del self._by_job[waiter.job_id]
        self._forget(waiter)
        return True

    def take(self, job_id: JobId) -> list[Waiter]:
        """Take out everybody who waits for a job."""
        waiters = self._by_job.pop(job_id, None)
        if waiters is None:
            return []
        for waiter in waiters:
            self._forget(waiter)
        return list(waiters)

    def take_all(self) -> list[Waiter]:
        """Take out everybody."""
        return [waiter for job_id in list(self._by_job) for waiter in self.take(job_id)]

    def _forget(self, waiter: Waiter) -> None:
        self.waiter_count -= 1
        waiter.until = None
        if waiter.timer is not None:
            self.timers.cancel(waiter.timer)
