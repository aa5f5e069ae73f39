"""The examples of events show what they promise, wherever their output goes."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SECONDS_MAX = 100

pytestmark = pytest.mark.integration


def run(example: str, *arguments: str) -> str:
    """Run an example; return what it printed."""
    python = (sys.executable, "-P") if sys.flags.safe_path else (sys.executable,)
    # -P leaves the current directory out; examples lie in the root, as the server finds them.
    code = (
        f"import sys; sys.path.append({str(ROOT)!r}); "
        f"from examples.{example} import main; sys.exit(main({', '.join(arguments)}))"
    )
    done = subprocess.run(
        [*python, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_domain_events_are_handled_by_the_next_start_of_a_program_that_died() -> None:
    shown = run("domain_events")

    assert "  order 3: the books are closed (ValueError)" in shown
    assert "kill -9: the handler and the server are gone" in shown
    assert "All 12 orders are booked" in shown


def test_nobody_misses_a_tick() -> None:
    shown = run("ticker", "2.0")

    assert shown.count("; 0 missing; ") == 6
    assert "it slept in between and caught up" in shown
    assert shown.endswith("Nobody missed a tick.\n")


def test_an_order_that_comes_again_is_recognised_by_its_business_key() -> None:
    shown = run("business_keys")

    assert "  A-2 is here for the 2nd time, and was charged" in shown
    assert "  A-1 was confirmed before: nothing to do" in shown
    assert "The bank has charged: A-1, A-2, A-3" in shown


def test_triggers_fire_once_and_handlers_begin_where_they_are_told() -> None:
    shown = run("handlers")

    assert "There is one job for each of the 20" in shown
    assert 'ship, after 1 failures: "order 8 is on its way"' in shown
    assert "from the start: [0, 1, 2, 3]; from now on: [3]" in shown
    assert "back at its cursor: [4, 5]" in shown
    assert "moved back to the start: [0, 1, 2, 3, 4, 5]" in shown
