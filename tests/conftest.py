"""What every test gets: the loop of production, seeds, and a say in which programs are there."""

import asyncio
import os
import random
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import execnet
import pytest
import uvloop
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Behind site-packages: tests find `examples` and `tests` in the tree and penstock in the wheel.
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from tests.integration.small_disk import unsharing  # noqa: E402 - found by the line above.

# Shells start what runs in the background deaf to ctrl-c, and all that tests start would be so too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("quick", max_examples=100, deadline=None, print_blob=True)
settings.register_profile(
    "thorough",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--installed",
        action="store_true",
        help="refuse to run unless penstock comes from an installed wheel",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    if not session.config.getoption("--installed"):
        return
    import penstock.config

    found = Path(next(iter(penstock.config.__path__))).resolve()
    if found.is_relative_to(ROOT) and "site-packages" not in found.parts:
        pytest.exit(f"penstock is imported from {found}, not from a wheel; unset PYTHONPATH", 4)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: Sequence[execnet.XSpec]) -> None:
    """Start the processes that share the tests with -P if this one was: they do not inherit it."""
    if sys.flags.safe_path:
        for spec in specs:
            spec.python = f"{shlex.quote(sys.executable)} -P"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that this machine lacks something for; the run's header names it."""
    missing = {
        item
        for item in items
        if _missing_programs(item) or (item.get_closest_marker("mounts") and unsharing() is None)
    }
    if missing:
        config.hook.pytest_deselected(items=list(missing))
        items[:] = [item for item in items if item not in missing]


def _missing_programs(item: pytest.Item) -> list[str]:
    wanted = (str(mark.args[0]) for mark in item.iter_markers("program"))
    return [program for program in wanted if shutil.which(program) is None]


def pytest_report_header() -> list[str]:
    wanted = ("redis-cli", "redis-benchmark", "redis-server", "node", "npm")
    missing = [program for program in wanted if shutil.which(program) is None]
    lines = [f"left out, not installed: {name}" for name in missing]
    return lines if unsharing() else [*lines, "left out, not allowed: mounting small disks"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], uvloop.Loop]]:
    """Run async tests on the loop of production; one that hangs fails and shows where."""
    mark = item.get_closest_marker("timeout")
    limit = float(mark.args[0] if mark and mark.args else config.getini("timeout"))
    test = item.originalname if isinstance(item, pytest.Function) else item.name

    def new_loop() -> uvloop.Loop:
        loop = uvloop.new_event_loop()
        # Before pytest-timeout, which can only end the whole run.
        loop.call_later(limit * 0.9, _cancel, loop, test)
        return loop

    return {"uvloop": new_loop}


def _cancel(loop: uvloop.Loop, test: str) -> None:
    """Cancel the test, not its fixtures: pytest does not recover from a fixture cancelled."""
    for task in asyncio.all_tasks(loop):
        if getattr(task.get_coro(), "__name__", "") == test:
            task.cancel("the test took too long")


@pytest.fixture
def seed() -> int:
    """A seed for this test's randomness. On failure the output says how to repeat it."""
    value = int(os.environ.get("TEST_SEED") or random.randrange(2**32))
    sys.stdout.write(f"repeat with TEST_SEED={value}\n")
    return value
