"""Seeded random runs of broker, event log and schedules together, held to what was committed."""

from random import Random

import pytest
from hypothesis import settings

from tests.simulation.eventful import EventfulWorld
from tests.simulation.eventful_walk import EventfulWalk

# About ten, and some hundreds with `make sim`.
RUNS = settings().max_examples // 10


@pytest.mark.simulation
@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("run", range(RUNS))
def test_whatever_happens_no_event_is_missed(run: int, seed: int) -> None:
    """The seed of a failed run is in its output; TEST_SEED=... repeats it."""
    random = Random(f"{seed}-{run}")
    world = EventfulWorld(random)
    try:
        EventfulWalk(world, random).run(steps=300)
    finally:
        world.close()
