"""The rank of a job: one integer, so that every policy is an order of an index.

Ready jobs go by (rank, id), the smaller first. A rank is given at submission and is a plain fact
of the job from then on; it changes only if the queue's order does, or if the job is lifted.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Final, assert_never

from penstock.config.limits import FAIR_TENANTS_MAX
from penstock.jobs.model import Instant, Job
from penstock.jobs.queue_settings import Order, Terms

# Looked up once: most queues have this order, and rank tens of thousands of jobs a second.
_STRICT: Final = Order.STRICT

RANK_MAX: Final = 2**63 - 1  # What a store holds.


def strict_rank(priority: int) -> int:
    """Return the rank of a queue in strict order: the priority, and so the age among equals."""
    return priority


def ageing_rank(priority: int, submitted_at: Instant, step_ms: int) -> int:
    """Return the rank of a queue where each step of priority is worth *step_ms* of waiting.

    The bound on waiting: with priorities pA and pB, only a job B that is submitted before
    tA + (pA - pB) * step_ms can overtake a job A that was submitted at tA. So nothing at all that
    is submitted later than pA * step_ms after A runs before it, however urgent. Ranks end at
    RANK_MAX; jobs that reach it run in the order of submission, which keeps to the bound.
    """
    return min(submitted_at + priority * step_ms, RANK_MAX)


class FairTags:
    """Start-time fair queueing between the tenants of one queue.

    P. Goyal, H. Vin, H. Cheng: "Start-time Fair Queueing: A Scheduling Algorithm for Integrated
    Services Packet Switching Networks", SIGCOMM 1996. Each job costs its tenant SCALE / weight of
    virtual time. Its start tag is where the tenant's last job ends, but not before the virtual
    time, which is the greatest start tag that was served. The smallest start tag goes first.

    The bound: over any time in which tenants f and m both have jobs waiting, the numbers of their
    jobs that were served differ by |Wf/wf - Wm/wm| <= 1/wf + 1/wm, where w are their weights.

    Jobs without a tenant are those of one more tenant.
    """

    SCALE: Final = 2**20  # One job of weight 1. Ranks last for 2**43 of them without a pause.

    __slots__ = ("_finish", "_tenants_max", "virtual")

    def __init__(self, tenants_max: int = FAIR_TENANTS_MAX) -> None:
        self.virtual = 0
        # Where the last job of each tenant ends; one that is not here has no claim on the past.
        self._finish: dict[str | None, int] = {}
        self._tenants_max = tenants_max

    def __len__(self) -> int:
        """Return how many tenants are remembered."""
        return len(self._finish)

    def tag(self, tenant: str | None, weight: int) -> int:
        """Return the start tag of a tenant's next job, which is counted with it."""
        start = max(self.virtual, self._finish.get(tenant, 0))
        self._finish[tenant] = start + self._cost(weight)
        if len(self._finish) > self._tenants_max:
            self._forget()
        return min(start, RANK_MAX)

    def served(self, tag: int) -> None:
        """Take note that the job with a tag was begun: those who come now start from there."""
        self.virtual = max(self.virtual, tag)

    def idle(self) -> None:
        """Take note that nothing waits: nobody owes anything to anybody."""
        self.virtual = max(self.virtual, max(self._finish.values(), default=0))
        self._finish.clear()

    def restore(
        self, last_by_tenant: Mapping[str, int], weights: Mapping[str, int], *, first: int = 0
    ) -> None:
        """Go on from what waits in the store: each tenant's greatest tag, the *first* of them all.

        Jobs without a tenant go by the name "", which no tenant has. What is known of jobs that
        were begun since the start stays.
        """
        self.virtual = max(self.virtual, first)
        for name, last in last_by_tenant.items():
            tenant, end = name or None, last + self._cost(weights.get(name, 1))
            self._finish[tenant] = max(end, self._finish.get(tenant, 0))
        if len(self._finish) > self._tenants_max:
            self._forget()

    def rank_again(self, rank: int) -> int:
        """Return the rank of a job that is ready again: where it was, or one turn from now.

        Its rank may be of another order, and far away.
        """
        return min(rank, self.virtual + self.SCALE)

    def _cost(self, weight: int) -> int:
        return max(1, self.SCALE // weight)

    def _forget(self) -> None:
        """Keep the tenants that are ahead of the virtual time by most.

        The others get by it no more than what they were ahead; most of them had nothing waiting.
        Some room is made in any case, so that not every newcomer is worth a look at all of them.
        """
        ahead = [pair for pair in self._finish.items() if pair[1] > self.virtual]
        ahead.sort(key=itemgetter(1))
        self._finish = dict(ahead[-(self._tenants_max * 3 // 4) :])


class Ranks:
    """Gives the jobs of one queue their ranks, as its terms say."""

    __slots__ = ("_ageing_ms", "_order", "_tags", "_weights", "tenants_max")

    def __init__(self, terms: Terms, tenants_max: int = FAIR_TENANTS_MAX) -> None:
        self.tenants_max = tenants_max
        self._order = Order.STRICT
        self._ageing_ms = 0
        self._weights: Mapping[str, int] = {}
        self._tags: FairTags | None = None
        self.retermed(terms)

    def retermed(self, terms: Terms) -> None:
        """Take new terms. Tenants begin anew if the order became fair; weights count from now."""
        self._order = terms.order
        self._ageing_ms = terms.ageing_ms
        self._weights = terms.weights
        if terms.order is not Order.FAIR:
            self._tags = None
        elif self._tags is None:
            self._tags = FairTags(self.tenants_max)

    def restore(self, last_by_tenant: Mapping[str, int], *, first: int) -> None:
        """Go on from the ranks that wait in the store, if the order is fair.

        *first* is the least rank of a ready job. If none is ready there is nothing to go on from.
        """
        if self._tags is not None:
            self._tags.restore(last_by_tenant, self._weights, first=first)

    def rank(
        self,
        priority: int,
        submitted_at: Instant,
        tenant: str | None,
        *,
        is_ready: bool = True,
    ) -> int:
        """Return the rank of a new job.

        A job that is not due yet takes its turn when it falls due: see `rank_again`.
        """
        if self._order is _STRICT:
            return strict_rank(priority)
        match self._order:
            case Order.AGEING:
                return ageing_rank(priority, submitted_at, self._ageing_ms)
            case Order.FAIR:
                assert self._tags is not None
                if not is_ready:
                    return self._tags.virtual
                return self._tags.tag(tenant, self._weight(tenant))
            case _:
                assert_never(self._order)

    def rank_again(self, job: Job) -> int:
        """Return the rank of a job that becomes ready after it waited for something else.

        In a fair order one that was never begun takes its tenant's next turn: jobs that fall due
        together are no way past the others. One that was begun had its turn.
        """
        if self._tags is None:
            return self.rank(job.priority, job.submitted_at, job.tenant)
        if job.attempt == 0:
            return self._tags.tag(job.tenant, self._weight(job.tenant))
        return self._tags.rank_again(job.rank)

    def rank_lifted(self, job: Job, priority: int) -> int:
        """Return the rank of a waiting job for which somebody asks with another priority.

        Never behind where it was. A fair order does not know priorities, and leaves it there.
        """
        if self._tags is not None:
            return job.rank
        return min(job.rank, self.rank(priority, job.submitted_at, job.tenant))

    def served(self, job: Job) -> None:
        """Take note that a job was begun."""
        if self._tags is not None:
            self._tags.served(job.rank)

    def idle(self) -> None:
        """Take note that no job of the queue waits."""
        if self._tags is not None:
            self._tags.idle()

    def _weight(self, tenant: str | None) -> int:
        return 1 if tenant is None else self._weights.get(tenant, 1)
