"""Tests of the simulation of events: a rule that is broken on purpose is found to be broken."""

from contextlib import suppress
from random import Random

import pytest

from tests.simulation.eventful import EventfulWorld
from tests.simulation.eventful_plants import EVENTFUL_PLANTS, Plant
from tests.simulation.eventful_walk import EventfulWalk

_RUNS_MAX = 100
_STEPS = 250


@pytest.mark.simulation
@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("plant", EVENTFUL_PLANTS.values(), ids=EVENTFUL_PLANTS.keys())
def test_a_planted_mistake_about_events_is_found(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs are the same each time, so that what finds a mistake today does so tomorrow."""
    with monkeypatch.context() as patch:
        plant(patch)
        found = next((run for run in range(_RUNS_MAX) if _fails(run)), None)

    assert found is not None
    assert not _fails(found), f"run {found} fails without the mistake, too"


def _fails(run: int) -> bool:
    random = Random(f"eventful-plants-{run}")
    world = EventfulWorld(random)
    try:
        EventfulWalk(world, random).run(_STEPS)
    except Exception:
        return True  # Most are found by a check, some by an assertion of the core's own.
    finally:
        with suppress(Exception):
            world.close()
    return False
