"""Ranks: the bound on waiting, and the shares of tenants."""

from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.config.limits import DELAY_MS_MAX, PRIORITY_MAX
from penstock.jobs.model import Instant, Job
from penstock.jobs.order import RANK_MAX, FairTags, Ranks, ageing_rank, strict_rank
from penstock.jobs.policy import Policy
from penstock.jobs.queue_settings import Order, QueueSettings, Terms, terms_of
from tests.unit.jobs.desk import NOW
from tests.unit.jobs.jobs import a_job

SCALE = FairTags.SCALE


def terms(**settings: object) -> Terms:
    return terms_of(Policy(), QueueSettings(), QueueSettings(**settings))  # type: ignore[arg-type]


FAIR = terms(order=Order.FAIR, weights={"big": 4})
AGEING = terms(order=Order.AGEING, ageing_ms=10)
STRICT = terms()


def test_the_more_urgent_ranks_first() -> None:
    assert strict_rank(0) < strict_rank(1) < strict_rank(1000)


# --- ageing --------------------------------------------------------------------------------------


def test_a_step_of_priority_is_worth_so_much_waiting() -> None:
    assert ageing_rank(3, Instant(100), 10) == 130


def test_the_greatest_rank_is_what_a_store_can_hold() -> None:
    assert ageing_rank(PRIORITY_MAX, NOW, DELAY_MS_MAX) == RANK_MAX


priorities = st.integers(0, PRIORITY_MAX) | st.integers(0, 20)
gaps = st.integers(0, 10**13) | st.integers(0, 200)


@given(priority=priorities, other=priorities, gap=gaps, step=st.integers(1, DELAY_MS_MAX))
def test_only_who_comes_soon_enough_can_overtake(
    priority: int, other: int, gap: int, step: int
) -> None:
    """The bound: B overtakes A only if it came before tA + (pA - pB) * step."""
    first = (ageing_rank(priority, NOW, step), 1)
    later = (ageing_rank(other, Instant(NOW + gap), step), 2)

    if later < first:
        assert gap < (priority - other) * step


def test_the_bound_on_waiting_is_tight() -> None:
    lowest = ageing_rank(1000, NOW, 10)

    assert ageing_rank(0, Instant(NOW + 9_999), 10) < lowest
    assert ageing_rank(0, Instant(NOW + 10_000), 10) >= lowest


# --- fair ----------------------------------------------------------------------------------------


class FairQueue:
    """Jobs by (tag, id), as a store and a window give them out."""

    def __init__(self, weights: dict[str, int], tenants_max: int = 100) -> None:
        self.tags = FairTags(tenants_max)
        self.weights = weights
        self.waiting: list[tuple[int, int, str]] = []
        self.ids = 0

    def submit(self, tenant: str, count: int = 1) -> None:
        for _ in range(count):
            self.ids += 1
            tag = self.tags.tag(tenant, self.weights.get(tenant, 1))
            self.waiting.append((tag, self.ids, tenant))
        self.waiting.sort()

    def serve(self) -> str | None:
        if not self.waiting:
            return None
        tag, _, tenant = self.waiting.pop(0)
        self.tags.served(tag)
        if not self.waiting:
            self.tags.idle()
        return tenant

    def backlogged(self) -> set[str]:
        return {tenant for _, _, tenant in self.waiting}


TENANTS = ("a", "b", "c", "d")
operations = st.lists(
    st.none() | st.tuples(st.sampled_from(TENANTS), st.integers(1, 8)), min_size=1, max_size=120
)


@given(operations, st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_shares_differ_by_no_more_than_the_bound(
    ops: list[tuple[str, int] | None], weights: list[int]
) -> None:
    """For any two tenants, over any time in which both have jobs waiting."""
    queue = FairQueue(dict(zip(TENANTS, weights, strict=True)))
    cost = {tenant: SCALE // weight for tenant, weight in queue.weights.items()}
    pairs = list(combinations(TENANTS, 2))
    # How far the one is ahead of the other, at each moment since both have been waiting.
    leads: dict[tuple[str, str], list[int]] = {}

    for op in ops:
        if op is not None:
            queue.submit(*op)
        elif (served := queue.serve()) is not None:
            for (one, other), history in leads.items():
                step = {one: cost[one], other: -cost[other]}.get(served, 0)
                history.append(history[-1] + step)
                assert max(history) - min(history) <= cost[one] + cost[other]
        waiting = queue.backlogged()
        leads = {pair: leads.get(pair, [0]) for pair in pairs if waiting.issuperset(pair)}


def test_a_tenant_that_floods_a_queue_delays_only_itself() -> None:
    """One has ten thousand jobs waiting, nine have one now and then."""
    queue = FairQueue({})
    queue.submit("flood", 10_000)
    waits: list[int] = []

    for _ in range(20):
        for n in range(9):
            queue.submit(f"quiet{n}")
        order = [queue.serve() for _ in range(15)]
        waits += [order.index(f"quiet{n}") + 1 for n in range(9)]

    assert max(waits) <= 10  # In the order of submission each would wait for ten thousand.


def test_quiet_tenants_gain_nothing_by_having_been_quiet() -> None:
    queue = FairQueue({})
    queue.submit("steady", 100)
    for _ in range(50):
        queue.serve()

    queue.submit("late", 50)

    assert Counter(queue.serve() for _ in range(20)) == {"steady": 10, "late": 10}


def test_weights_are_shares() -> None:
    queue = FairQueue({"big": 3, "small": 1})
    queue.submit("small", 100)
    queue.submit("big", 100)

    assert Counter(queue.serve() for _ in range(80)) == {"big": 60, "small": 20}


def test_jobs_of_one_tenant_keep_their_order() -> None:
    tags = FairTags()

    mine = [tags.tag("a", 7) for _ in range(100)]

    assert all(one < next_ for one, next_ in pairwise(mine))


def test_no_weight_makes_a_job_free() -> None:
    tags = FairTags()

    assert tags.tag("a", 2 * SCALE) < tags.tag("a", 2 * SCALE)


def test_jobs_without_a_tenant_are_those_of_one_more() -> None:
    tags = FairTags()

    assert [tags.tag(None, 1), tags.tag("a", 1), tags.tag(None, 1)] == [0, 0, SCALE]


def test_virtual_time_never_goes_back() -> None:
    tags = FairTags()
    tags.served(5 * SCALE)
    tags.served(SCALE)

    assert tags.virtual == 5 * SCALE


def test_who_floods_an_idle_queue_owes_nothing_afterwards() -> None:
    tags = FairTags()
    for _ in range(5):
        tags.tag("a", 1)

    tags.idle()

    assert len(tags) == 0
    assert tags.tag("a", 1) == tags.tag("b", 1) == 5 * SCALE


def test_tenants_that_are_no_longer_ahead_are_forgotten() -> None:
    tags = FairTags(tenants_max=8)
    for n in range(6):
        tags.tag(f"t{n}", 1)
    tags.served(SCALE)

    for n in range(6, 9):
        tags.tag(f"t{n}", 1)

    assert len(tags) == 3


def test_of_too_many_tenants_those_that_lose_least_are_forgotten() -> None:
    tags = FairTags(tenants_max=8)
    for n in reversed(range(9)):
        for _ in range(n + 1):
            tags.tag(f"t{n}", 1)

    assert len(tags) == 6
    assert tags.tag("t8", 1) == 9 * SCALE
    assert tags.tag("t0", 1) == 0


@given(operations)
def test_few_places_for_tenants_are_never_exceeded(ops: list[tuple[str, int] | None]) -> None:
    queue = FairQueue({}, tenants_max=2)

    for op in ops:
        if op is None:
            queue.serve()
        else:
            queue.submit(*op)
        assert len(queue.tags) <= 2


def test_a_restart_changes_nobodys_turn() -> None:
    queue = FairQueue({"a": 2})
    queue.submit("a", 5)
    queue.submit("b", 5)
    for _ in range(4):
        queue.serve()
    last = {tenant: max(tag for tag, _, t in queue.waiting if t == tenant) for tenant in "ab"}
    before = [queue.tags.tag("a", 2), queue.tags.tag("b", 1)]

    restored = FairTags()
    restored.restore(last, {"a": 2}, first=queue.waiting[0][0])

    assert [restored.tag("a", 2), restored.tag("b", 1)] == before


def test_a_newcomer_after_a_restart_waits_for_one_turn() -> None:
    tags = FairTags()

    tags.restore({"flood": 10_000 * SCALE, "": 70 * SCALE}, {}, first=50 * SCALE)

    assert tags.tag("new", 1) == 50 * SCALE
    assert tags.tag(None, 1) == 71 * SCALE


def test_more_tenants_than_are_remembered_can_be_restored() -> None:
    tags = FairTags(tenants_max=4)

    tags.restore({f"t{n}": n * SCALE for n in range(9)}, {}, first=0)

    assert len(tags) == 3
    assert tags.tag("t8", 1) == 9 * SCALE


@pytest.mark.parametrize(
    ("rank", "again"), [(7, 7), (3 * SCALE, 3 * SCALE), (NOW * SCALE, 6 * SCALE)]
)
def test_a_job_that_is_ready_again_waits_for_one_turn_at_most(rank: int, again: int) -> None:
    tags = FairTags()
    tags.served(5 * SCALE)

    assert tags.rank_again(rank) == again


# --- of a queue ----------------------------------------------------------------------------------


def job(priority: int, rank: int = 0, *, tenant: str | None = None, attempt: int = 1) -> Job:
    return replace(a_job(1, rank), priority=priority, tenant=tenant, attempt=attempt)


def test_a_queue_ranks_as_its_terms_say() -> None:
    assert Ranks(STRICT).rank(7, NOW, "a") == 7
    assert Ranks(AGEING).rank(7, NOW, "a") == NOW + 70
    assert [Ranks(FAIR).rank(7, NOW, "a") for _ in range(2)] == [0, 0]


def test_a_fair_queue_knows_its_weights() -> None:
    ranks = Ranks(FAIR)

    assert [ranks.rank(0, NOW, "big") for _ in range(2)] == [0, SCALE // 4]
    assert [ranks.rank(0, NOW, None) for _ in range(2)] == [0, SCALE]


@pytest.mark.parametrize("before", [STRICT, AGEING, FAIR])
@pytest.mark.parametrize(("after", "rank"), [(STRICT, 7), (AGEING, NOW + 70), (FAIR, SCALE)])
def test_a_job_that_is_ready_again_is_ranked_by_the_order_in_force(
    before: Terms, after: Terms, rank: int
) -> None:
    ranks = Ranks(before)
    ranks.retermed(after)

    assert ranks.rank_again(job(7, 9 * SCALE)) == rank


def test_weights_count_from_when_they_are_set() -> None:
    ranks = Ranks(FAIR)
    ranks.rank(0, NOW, "small")

    ranks.retermed(terms(order=Order.FAIR, weights={"small": 2}))

    assert [ranks.rank(0, NOW, "small") for _ in range(2)] == [SCALE, SCALE + SCALE // 2]


def test_a_delayed_job_takes_its_turn_when_it_falls_due() -> None:
    """A tenant cannot pile up turns by delaying its jobs to the same instant."""
    ranks = Ranks(FAIR)
    delayed = [ranks.rank(0, NOW, "a", is_ready=False) for _ in range(3)]

    due = [ranks.rank_again(job(0, rank, tenant="a", attempt=0)) for rank in delayed]

    assert delayed == [0, 0, 0]
    assert due == [0, SCALE, 2 * SCALE]


def test_lifting_a_job_never_lowers_it() -> None:
    assert Ranks(STRICT).rank_lifted(job(9, 9), 2) == 2
    assert Ranks(STRICT).rank_lifted(job(9, 1), 2) == 1
    assert Ranks(AGEING).rank_lifted(job(9, NOW + 90), 2) == NOW + 20
    assert Ranks(FAIR).rank_lifted(job(9, 5), 0) == 5


def test_serving_moves_a_fair_queue_on() -> None:
    ranks = Ranks(FAIR)
    ranks.rank(0, NOW, "a")
    ranks.rank(0, NOW, "a")
    ranks.served(job(0, SCALE))

    assert ranks.rank(0, NOW, "b") == SCALE
    ranks.idle()
    assert ranks.rank(0, NOW, "b") == 2 * SCALE


def test_a_fair_queue_goes_on_after_a_restart() -> None:
    ranks = Ranks(FAIR)

    ranks.restore({"big": 4 * SCALE}, first=SCALE)

    assert ranks.rank(0, NOW, "big") == 4 * SCALE + SCALE // 4
    assert ranks.rank(0, NOW, "new") == SCALE


def test_other_orders_remember_nothing() -> None:
    ranks = Ranks(STRICT)
    ranks.restore({"a": 4 * SCALE}, first=SCALE)
    ranks.served(job(0, 9))
    ranks.idle()

    assert ranks.rank(3, NOW, "a") == 3
