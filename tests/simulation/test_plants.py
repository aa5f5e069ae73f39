"""Tests of the simulation: a rule that is broken on purpose is found to be broken."""

from contextlib import suppress
from random import Random

import pytest

from tests.simulation.plants import PLANTS, Plant
from tests.simulation.walk import Walk
from tests.simulation.world import World

_RUNS_MAX = 150
_STEPS = 300


@pytest.mark.simulation
@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS.keys())
def test_a_planted_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs are the same each time, so that what finds a mistake today does so tomorrow."""
    with monkeypatch.context() as patch:
        plant(patch)
        found = next((run for run in range(_RUNS_MAX) if _fails(run)), None)

    assert found is not None
    assert not _fails(found), f"run {found} fails without the mistake, too"


def _fails(run: int) -> bool:
    world = World()
    try:
        Walk(world, Random(f"plants-{run}")).run(_STEPS)
    except Exception:
        return True  # Most are found by a check, some by an assertion of the core's own.
    finally:
        with suppress(Exception):
            world.close()
    return False
