"""Seeded random runs of the core, with crashes, full disks and lost workers, held to a model."""

from random import Random

import pytest
from hypothesis import settings

from tests.simulation.walk import Walk
from tests.simulation.world import World

# A few dozen, and more than a thousand with `make sim`.
RUNS = settings().max_examples // 4


@pytest.mark.simulation
@pytest.mark.parametrize("run", range(RUNS))
def test_whatever_happens_the_promises_hold(run: int, seed: int) -> None:
    """The seed of a failed run is in its output; TEST_SEED=... repeats it."""
    world = World()
    try:
        Walk(world, Random(f"{seed}-{run}")).run(steps=400)
    finally:
        world.close()
