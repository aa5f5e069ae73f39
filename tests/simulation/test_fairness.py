"""What each tenant of a fair queue gets, held against the bound of start-time fair queueing."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations
from random import Random

import pytest

from penstock.jobs.model import QueueName, State, TaskName
from penstock.jobs.order import FairTags, Ranks
from penstock.jobs.policy import SubmitRequest, Wishes
from penstock.jobs.queue_settings import Order
from penstock.jobs.transitions import Cause
from tests.simulation.asked import Ask
from tests.simulation.world import World

QUEUE = QueueName("a")
WEIGHTS = {"s": 1, "t": 1, "u": 2, "v": 5}
RUNS = 6
_NOTHING = Fraction(0)


class Shares:
    """Submits and claims one job at a time, and notes who had jobs waiting at each claim."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self.served: list[tuple[str, frozenset[str]]] = []
        world.people.set(QUEUE, {"order": Order.FAIR}, dict(WEIGHTS))
        world.calm_down()

    def submit(self, tenant: str, count: int) -> None:
        for _ in range(count):
            wishes = Wishes(tenant=tenant)
            self._world.clients.submit(
                SubmitRequest(TaskName("t"), b"", QUEUE, timeout_ms=60_000, wishes=wishes)
            )
        self._world.calm_down()

    def claim(self) -> None:
        world = self._world
        ready = world.durable.in_state(State.READY, QUEUE)
        waiting = frozenset(job.tenant for job in ready if job.tenant is not None)
        if waiting:
            world.workers.claim(0, (QUEUE,), 1, 0)
            tenant = world.served[-1].tenant
            assert tenant is not None
            self.served.append((tenant, waiting))
            world.workers.end_attempt(0, Ask(Cause.COMPLETE))
            world.calm_down()

    def run(self, steps: int) -> None:
        """One tenant floods the queue, the others come and go."""
        for _ in range(steps):
            if self._random.random() < 0.25:
                tenant = self._random.choice(("s", "t", "u", "v", "v"))
                self.submit(tenant, self._random.choice((1, 2, 12)))
            self.claim()


def largest_error(
    served: list[tuple[str, frozenset[str]]], weights: Mapping[str, int], pair: tuple[str, str]
) -> Fraction:
    """Return by how much two tenants' shares differ, over any time in which both have jobs."""
    one, other = pair
    ahead = least = most = worst = _NOTHING
    for tenant, waiting in served:
        if not {one, other} <= waiting:
            ahead = least = most = _NOTHING
            continue
        if tenant in pair:
            ahead += Fraction(1 if tenant == one else -1, weights[tenant])
        least, most = min(least, ahead), max(most, ahead)
        worst = max(worst, most - least)
    return worst


def beyond_the_bound(seed: str) -> list[tuple[str, str]]:
    """Return the pairs of tenants whose shares differed by more than they may."""
    world = World()
    try:
        shares = Shares(world, Random(seed))
        shares.run(steps=220)
    finally:
        world.close()
    # Costs are rounded down to integers: of a million parts, one a job.
    rounding = Fraction(len(shares.served), FairTags.SCALE)
    return [
        (one, other)
        for one, other in combinations(WEIGHTS, 2)
        if largest_error(shares.served, WEIGHTS, (one, other))
        > Fraction(1, WEIGHTS[one]) + Fraction(1, WEIGHTS[other]) + rounding
    ]


@pytest.mark.simulation
@pytest.mark.parametrize("run", range(RUNS))
def test_shares_keep_to_the_bound_over_any_window(run: int, seed: int) -> None:
    """Two tenants that both have jobs waiting get what their weights say, but for one job each."""
    assert beyond_the_bound(f"{seed}-{run}") == []


def test_weights_that_do_not_count_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ranks, "_weight", lambda ranks, tenant: 1)

    assert beyond_the_bound("weights") != []


def test_a_tenant_that_comes_back_and_catches_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FairTags, "served", lambda tags, tag: None)

    assert beyond_the_bound("catching up") != []
