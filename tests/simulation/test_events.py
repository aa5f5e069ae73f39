"""Seeded random runs of the event log, with crashes and full disks, held to a model."""

from random import Random

import pytest
from hypothesis import settings

from tests.simulation.event_walk import EventWalk
from tests.simulation.event_world import EventWorld

# A few dozen, and more than a thousand with `make sim`.
RUNS = settings().max_examples // 4


@pytest.mark.simulation
@pytest.mark.parametrize("run", range(RUNS))
def test_whatever_happens_nobody_misses_an_event(run: int, seed: int) -> None:
    """The seed of a failed run is in its output; TEST_SEED=... repeats it."""
    EventWalk(EventWorld(), Random(f"{seed}-{run}")).run(steps=400)
